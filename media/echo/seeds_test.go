package echo

import "flag"

// go test ./media/echo -v -seeds N plays every test in N rooms. (./... hands the flag to every package; in others
// it is the number of worlds of outages.)
var seedsFlag = flag.Int("seeds", 0, "rooms of each test, 0: a few")

// rooms returns the seeds of rooms, the reverberation times and the sample rates to try.
func rooms() (seeds []uint64, t60 []float64, rates []int) {
	switch {
	case underRace:
		return []uint64{1}, []float64{0.3}, []int{8000}
	case *seedsFlag == 0:
		return []uint64{1, 2, 3}, []float64{0.3, 0.5}, []int{8000, 16000}
	}
	for seed := range *seedsFlag {
		seeds = append(seeds, uint64(seed+1))
	}
	return seeds, []float64{0.15, 0.3, 0.5}, []int{8000, 16000}
}
