package sip

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// BenchmarkOptions is a request and its answer while as many transactions as there may be linger.
func BenchmarkOptions(b *testing.B) {
	bench := newBench(&testing.T{}, nil)
	for range maxServerTxs - 1 {
		bench.receive(bench.request("OPTIONS"))
	}
	data := bench.request("OPTIONS")
	step := bench.agent.cfg.Timers.J
	b.ReportAllocs()
	for i := range b.N {
		fresh := bytes.Replace(data, []byte("branch=z9hG4bK"), fmt.Appendf(nil, "branch=z9hG4bK%d", i), 1)
		fresh = bytes.Replace(fresh, []byte("tag=far"), fmt.Appendf(nil, "tag=f%d", i), 1)
		bench.agent.Step(bench.now, Received{bench.flow, fresh})
		if len(bench.agent.serverTxs) == maxServerTxs {
			bench.now = bench.now.Add(step)
			bench.agent.Step(bench.now, Tick{})
		}
	}
}

// BenchmarkRetransmission is a request that has been answered already.
func BenchmarkRetransmission(b *testing.B) {
	bench := newBench(&testing.T{}, nil)
	for range maxServerTxs - 1 {
		bench.receive(bench.request("OPTIONS"))
	}
	data := bench.request("OPTIONS")
	b.ReportAllocs()
	for range b.N {
		bench.agent.Step(bench.now, Received{bench.flow, data})
	}
}

// BenchmarkNext is what the loop asks after every step.
func BenchmarkNext(b *testing.B) {
	bench := newBench(&testing.T{}, nil)
	for range maxServerTxs {
		bench.receive(bench.request("OPTIONS"))
	}
	var at time.Time
	for range b.N {
		at = bench.agent.Next()
	}
	_ = at
}
