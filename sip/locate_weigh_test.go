package sip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// oracle gives every order of records of one priority its chance by the letter of RFC 2782: the records are
// laid out in any way, those of weight 0 first; a whole number from 0 to the sum of the weights is drawn,
// and the first record whose running sum reaches it is next. All layouts and all numbers are counted.
func oracle(weights []int) map[string]float64 {
	chances := map[string]float64{}
	var left []int
	for i := range weights {
		left = append(left, i)
	}
	var choose func(done string, left []int, chance float64)
	choose = func(done string, left []int, chance float64) {
		if len(left) == 0 {
			chances[done] += chance
			return
		}
		sum := 0
		for _, i := range left {
			sum += weights[i]
		}
		all := layouts(left, weights)
		next := map[int]float64{}
		for _, layout := range all {
			for number := range sum + 1 {
				running := 0
				for _, i := range layout {
					if running += weights[i]; running >= number {
						next[i] += 1 / float64(len(all)*(sum+1))
						break
					}
				}
			}
		}
		for i, c := range next {
			rest := slices.DeleteFunc(slices.Clone(left), func(j int) bool { return i == j })
			choose(done+fmt.Sprint(i), rest, chance*c)
		}
	}
	choose("", left, 1)
	return chances
}

// layouts are all orders of the records with those of weight 0 before the others.
func layouts(left, weights []int) (all [][]int) {
	var add func(done, left []int)
	add = func(done, left []int) {
		if len(left) == 0 {
			all = append(all, done)
			return
		}
		for _, i := range left {
			if weights[i] > 0 && slices.ContainsFunc(left, func(j int) bool { return weights[j] == 0 }) {
				continue
			}
			add(append(slices.Clone(done), i), slices.DeleteFunc(slices.Clone(left), func(j int) bool { return i == j }))
		}
	}
	add(nil, left)
	return all
}

// drawn is how often each order of records came out of n first look-ups.
func drawn(t *testing.T, weights []int, n int) map[string]float64 {
	t.Helper()
	var z zone
	for i, w := range weights {
		z = append(z, fmt.Sprintf("_sip._udp.w.test SRV 60 5 %d %d 192.0.2.1", w, 5000+i))
	}
	random := rand.NewChaCha8([32]byte{1})
	counts := map[string]float64{}
	for range n {
		s := startScene(t, LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true, NoIPv6: true, Random: random}, z)
		var order []byte
		for _, v := range s.l.Servers() {
			order = append(order, '0'+byte(v.Addr.Port()-5000))
		}
		counts[string(order)]++
	}
	return counts
}

// chiSquare compares counts with chances. Orders too rare to be counted on are thrown together.
func chiSquare(counts, chances map[string]float64, n int) (x float64, freedom int) {
	var rareCount, rareWant float64
	cells := 0
	for order, chance := range chances {
		want := chance * float64(n)
		if want < 5 {
			rareCount, rareWant = rareCount+counts[order], rareWant+want
			continue
		}
		x += (counts[order] - want) * (counts[order] - want) / want
		cells++
	}
	if rareWant >= 1 {
		x += (rareCount - rareWant) * (rareCount - rareWant) / rareWant
		cells++
	}
	return x, cells - 1
}

// critical is the value chi-square exceeds by accident once in a thousand times (Wilson and Hilferty).
func critical(freedom int) float64 {
	f, z := float64(freedom), 3.0902
	return f * math.Pow(1-2/(9*f)+z*math.Sqrt(2/(9*f)), 3)
}

// The order of records of one priority has the chances RFC 2782 gives it.
func TestLocateWeights(t *testing.T) {
	const n = 8000
	for _, weights := range [][]int{
		{90, 10}, {70, 30}, {10, 90}, {50, 50}, {60, 30, 10}, {1, 1, 1},
		{0, 0}, {0, 0, 0, 0}, {0, 8}, {0, 0, 8}, {0, 90, 10}, {0, 0, 3, 0}, {0, 40, 0, 20},
	} {
		chances := oracle(weights)
		counts := drawn(t, weights, n)
		sum := 0.0
		for order, c := range counts {
			if sum += c; chances[order] == 0 {
				t.Fatalf("weights %v: the order %q has no chance", weights, order)
			}
		}
		if sum != n {
			t.Fatalf("weights %v: %v orders", weights, sum)
		}
		x, freedom := chiSquare(counts, chances, n)
		if limit := critical(freedom); x > limit {
			t.Errorf("weights %v: chi-square %.1f of %d degrees, more than %.1f: got %v, the chances are %v", weights, x, freedom, limit, counts, chances)
		}
	}
}

// Whatever the records, every one of them appears exactly once, in the order of the priorities.
func TestLocateEveryRecord(t *testing.T) {
	random := rand.New(rand.NewChaCha8([32]byte{2}))
	for round := range 500 {
		n := 1 + random.IntN(maxSRV)
		var z zone
		priority := map[uint16]int{}
		for i := range n {
			p, weight := random.IntN(4), []int{0, 0, 1, random.IntN(100), random.IntN(65536)}[random.IntN(5)]
			priority[uint16(5000+i)] = p
			z = append(z, fmt.Sprintf("_sip._udp.w.test SRV 60 %d %d %d 192.0.2.1", p, weight, 5000+i))
		}
		s := startScene(t, LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true, NoIPv6: true, Random: rand.NewChaCha8([32]byte{byte(round)})}, z)
		servers := s.l.Servers()
		last := 0
		for _, v := range servers {
			p, there := priority[v.Addr.Port()]
			if !there || p < last {
				t.Fatalf("round %d: %v is a second time on the list, or after a higher priority: %v", round, v.Addr, servers)
			}
			delete(priority, v.Addr.Port())
			last = p
		}
		if len(priority) > 0 {
			t.Fatalf("round %d: %v are missing", round, priority)
		}
	}
}

// Drawn once: neither a refresh nor another record changes the order of those that stay.
func TestLocateWeightsStay(t *testing.T) {
	z := zone{}
	for i := range 8 {
		z = append(z, fmt.Sprintf("_sip._udp.w.test SRV 60 5 10 %d 192.0.2.1", 5000+i))
	}
	order := func(s *scene) string {
		var ports []string
		for _, v := range s.l.Servers() {
			if v.Addr.Port() < 5008 {
				ports = append(ports, fmt.Sprint(v.Addr.Port()))
			}
		}
		return strings.Join(ports, " ")
	}
	s := startScene(t, LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true, Random: rand.NewChaCha8([32]byte{3})}, z)
	before := order(s)
	if before == "5000 5001 5002 5003 5004 5005 5006 5007" {
		t.Error("the draw changes nothing")
	}
	s.zone = append(zone{"_sip._udp.w.test SRV 60 5 10 5009 192.0.2.1"}, z[4:]...)
	s.zone = append(s.zone, z[:4]...)
	s.after(10 * time.Minute)
	if len(s.l.Servers()) != 9 || order(s) != before {
		t.Errorf("a refresh moved the servers: %s, before %s", order(s), before)
	}
	// Without randomness the heaviest is first.
	s = startScene(t, LocateConfig{Proxy: "w.test", UseSRV: true, AutoPrefix: true}, zone{
		"_sip._udp.w.test SRV 60 5 0 5000 192.0.2.1", "_sip._udp.w.test SRV 60 5 10 5001 192.0.2.1", "_sip._udp.w.test SRV 60 5 20 5002 192.0.2.1"})
	if got := order(s); got != "5002 5001 5000" {
		t.Errorf("without randomness: %s", got)
	}
}

// The oracle itself: chances sum up to 1, and those known by hand are right.
func TestOracle(t *testing.T) {
	for _, c := range []struct {
		weights []int
		order   string
		want    float64
	}{
		{[]int{0, 0, 8}, "201", 8.0 / 9 / 2}, {[]int{0, 0, 8}, "021", 1.0 / 18 * 8 / 9}, {[]int{0, 0, 0}, "210", 1.0 / 6}, {[]int{1, 1}, "10", 0.5},
		{[]int{90, 10}, "01", (91.0/101 + 90.0/101) / 2},
	} {
		sum := 0.0
		for _, chance := range oracle(c.weights) {
			sum += chance
		}
		if got := oracle(c.weights)[c.order]; math.Abs(got-c.want) > 1e-9 || math.Abs(sum-1) > 1e-9 {
			t.Errorf("weights %v: order %s has %v, want %v; all %v", c.weights, c.order, got, c.want, sum)
		}
	}
	if math.Abs(critical(1)-10.83) > 0.5 || math.Abs(critical(23)-49.73) > 0.5 { // from a table
		t.Errorf("the limits are %v and %v", critical(1), critical(23))
	}
}
