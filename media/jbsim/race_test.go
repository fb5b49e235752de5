//go:build race

package main

const underRace = true // the long tests are cut short
