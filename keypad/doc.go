// Package keypad turns switch contacts into key presses, and key presses into numbers to dial.
//
// It is pure: contacts and the time go in, presses and digits come out. It imports hal only.
package keypad
