package main

import (
	"dialtone/media"
	"dialtone/web"
)

// counters are running totals that outlive the calls they come from.
type counters struct {
	inputs, placed, received, refused, answered, ended uint64
	tx, rx, lost, late                                 uint64
}

// add sums up the voice of a call that ended.
func (c *counters) add(s media.Stats) {
	c.tx += s.TxPackets
	c.rx += s.RxPackets
	c.lost += s.RxLost
	c.late += s.RxLate
}

// list is what /metrics shows.
func (c *counters) list() []web.Counter {
	return []web.Counter{
		{Name: "loop_inputs", Help: "Inputs the loop has handled", Value: c.inputs},
		{Name: "calls_placed", Help: "Calls placed", Value: c.placed},
		{Name: "calls_received", Help: "Calls received that could be answered", Value: c.received},
		{Name: "calls_refused", Help: "Calls refused before they rang", Value: c.refused},
		{Name: "calls_answered", Help: "Calls that were connected, either way", Value: c.answered},
		{Name: "calls_ended", Help: "Calls that have ended", Value: c.ended},
		{Name: "rtp_packets_sent", Help: "RTP packets sent in calls that ended", Value: c.tx},
		{Name: "rtp_packets_received", Help: "RTP packets received in calls that ended", Value: c.rx},
		{Name: "rtp_packets_lost", Help: "RTP packets lost on the way to us in calls that ended", Value: c.lost},
		{Name: "rtp_packets_late", Help: "RTP packets too late to be played in calls that ended", Value: c.late},
	}
}
