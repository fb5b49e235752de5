// Command firmware is dialtone, the firmware of a SIP desk phone: open the board, load the settings,
// wire the machines to their drivers and run the loop. It may import everything; nothing imports it.
package main

import "fmt"

func main() { fmt.Println("dialtone") }
