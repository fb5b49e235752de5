package main

import "flag"

// go test ./... -run Outage -seeds N hands the flag to every package; here it is how many traces of each kind
// the goals are held on.
var seeds = flag.Int("seeds", 3, "made traces of each kind")
