//go:build race

package echo

const underRace = true // the long tests are cut short
