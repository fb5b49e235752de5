//go:build !race

package echo

const underRace = false
