package media

// Implementation constants.
const (
	driftSpan = 10_000.0 // ms over which the quickest packet is looked for
	driftMost = 300e-6   // ms a ms that two clocks are apart
	driftStep = 2.0      // ms from one quickest packet to the next; more is another route
	driftGain = 0.5      // how much of what is seen is believed
)

// A clockDrift knows by how much the far end's clock and ours move apart, from the quickest packets of one
// stretch of time and the next. Relative delays are counted without it, so that the window's oldest packets
// still say how late packets come.
type clockDrift struct {
	moved, since float64 // by so many ms until then
	rate         float64 // ms a ms, from then on
	least        float64 // relative delay of the quickest packet since
	before       float64 // the same of the stretch before
	some, two    bool    // least, before are valid
}

// at is by how many ms the clocks have moved apart at now (ms).
func (d *clockDrift) at(now float64) float64 { return d.moved + d.rate*(now-d.since) }

// learn takes the relative delay of a packet, drift taken off.
func (d *clockDrift) learn(now, relative float64) {
	if !d.some {
		d.some, d.least = true, relative
		if !d.two {
			d.since = now
		}
		return
	}
	d.least = min(d.least, relative)
	if now-d.since < driftSpan {
		return
	}
	rate := d.rate
	if step := d.least - d.before; d.two && step < driftStep && step > -driftStep {
		rate += driftGain * step / (now - d.since)
	}
	d.moved, d.since = d.at(now), now
	d.rate = min(max(rate, -driftMost), driftMost)
	d.before, d.two, d.some = d.least, true, false
}
