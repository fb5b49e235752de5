//go:build race

package media

const underRace = true // the long tests are cut short
