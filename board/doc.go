// Package board says what each handset is made of, as a table to hold against its schematic.
//
// Here live the built-in boards and the strict TOML file for a user's own wiring. It imports hal and
// its drivers; nothing else of ours.
package board
