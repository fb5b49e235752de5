package media

import (
	"math"
	"net/netip"
	"testing"
	"time"
)

func TestLatch(t *testing.T) {
	const far, moved, nat, other = "10.0.0.2:4000", "10.0.0.2:4444", "192.0.2.1:1234", "198.51.100.1:6666"
	type packet struct {
		from  string
		ssrc  uint32
		seq   uint16
		after time.Duration
		ok    bool
		fresh bool
	}
	const ms = time.Millisecond
	for _, tt := range []struct {
		name    string
		packets []packet
	}{
		{"as agreed, from the first packet", []packet{
			{far, 1, 10, 0, true, true}, {far, 1, 11, 20 * ms, true, false}}},
		{"nobody else is heard then", []packet{
			{far, 1, 10, 0, true, true}, {other, 1, 11, ms, false, false}, {other, 1, 12, ms, false, false}, {other, 1, 13, ms, false, false},
			{other, 1, 14, time.Minute, false, false}, {far, 1, 11, ms, true, false}}},
		{"from behind a NAT, after three in a row", []packet{
			{nat, 1, 10, 0, false, false}, {nat, 1, 11, 20 * ms, false, false}, {nat, 1, 12, 20 * ms, true, true}, {nat, 1, 13, 20 * ms, true, false}}},
		{"who was signalled is heard at once, whoever was believed before", []packet{
			{nat, 1, 10, 0, false, false}, {nat, 1, 11, 20 * ms, false, false}, {nat, 1, 12, 20 * ms, true, true},
			{far, 2, 50, 80 * ms, true, true}, {nat, 1, 13, ms, false, false}, {nat, 1, 14, ms, false, false}, {nat, 1, 15, ms, false, false}}},
		{"another port of the host after a silence, when a NAT forgot", []packet{
			{far, 1, 10, 0, true, true}, {moved, 1, 11, 500 * ms, false, false}, {moved, 1, 12, 600 * ms, false, false}, {moved, 1, 13, 20 * ms, false, false},
			{moved, 1, 14, 20 * ms, true, false}, {other, 1, 15, 2 * time.Second, false, false}, {other, 1, 16, ms, false, false}, {other, 1, 17, ms, false, false}}},
		{"not in a row is not believed", []packet{
			{nat, 1, 10, 0, false, false}, {nat, 1, 12, 0, false, false}, {nat, 2, 13, 0, false, false}, {other, 2, 14, 0, false, false}, {nat, 2, 14, 0, false, false},
			{far, 9, 1, 0, true, true}, {nat, 2, 15, 0, false, false}}},
		{"absurd addresses are not believed", []packet{
			{"224.0.0.1:4000", 1, 10, 0, false, false}, {"224.0.0.1:4000", 1, 11, 0, false, false}, {"224.0.0.1:4000", 1, 12, 0, false, false},
			{"[2001:db8::1]:4000", 1, 10, 0, false, false}, {"[2001:db8::1]:4000", 1, 11, 0, false, false}, {"[2001:db8::1]:4000", 1, 12, 0, false, false},
			{"192.0.2.1:0", 1, 10, 0, false, false}, {"192.0.2.1:0", 1, 11, 0, false, false}, {"192.0.2.1:0", 1, 12, 0, false, false}}},
		{"a new SSRC after a pause takes over at once", []packet{
			{far, 1, 10, 0, true, true}, {far, 2, 500, 80 * ms, true, true}, {far, 2, 501, 20 * ms, true, false}, {far, 1, 11, 0, false, false}}},
		{"a new SSRC in the middle takes over at its second packet", []packet{
			{far, 1, 10, 0, true, true}, {far, 2, 500, 20 * ms, false, false}, {far, 2, 501, 20 * ms, true, true}}},
		{"a stray one does not", []packet{
			{far, 1, 10, 0, true, true}, {far, 2, 500, 0, false, false}, {far, 1, 11, 20 * ms, true, false}, {far, 2, 501, 0, false, false}, {far, 1, 12, 20 * ms, true, false}}},
	} {
		var l latch
		l.expect(addrPort(far))
		now := time.Unix(7, 0)
		for i, p := range tt.packets {
			now = now.Add(p.after)
			if ok, fresh := l.admit(now, addrPort(p.from), p.ssrc, p.seq); ok != p.ok || fresh != p.fresh {
				t.Errorf("%s: packet %d: taken %v, fresh %v; want %v, %v", tt.name, i, ok, fresh, p.ok, p.fresh)
			}
		}
	}
}

func TestLatchAfterAReINVITE(t *testing.T) {
	var l latch
	now := time.Unix(7, 0)
	l.expect(addrPort("10.0.0.2:4000"))
	l.admit(now, addrPort("10.0.0.2:4000"), 1, 10)
	l.expect(addrPort("10.0.0.2:4000"))
	if !l.source.IsValid() {
		t.Error("the same address again made it forget")
	}
	l.expect(addrPort("10.0.0.3:5000"))
	if ok, _ := l.admit(now, addrPort("10.0.0.2:4000"), 1, 11); ok {
		t.Error("the address before is still heard")
	}
	if ok, fresh := l.admit(now.Add(80*time.Millisecond), addrPort("10.0.0.3:5000"), 2, 50); !ok || !fresh {
		t.Error("the new address is not heard")
	}
}

func TestReception(t *testing.T) {
	var r reception
	seq := uint16(65530)
	for i := range 100 { // every tenth lost; wraps
		if i%10 != 5 {
			r.update(seq)
		}
		seq++
	}
	if r.lost() != 10 || r.extended() != 65536+93 || r.received != 90 {
		t.Errorf("%d lost, highest %d, %d received; want 10, %d, 90", r.lost(), r.extended(), r.received, 65536+93)
	}
	if f := r.fraction(); f != 25 { // 10/100 of 256
		t.Errorf("fraction %d, want 25", f)
	}
	if f := r.fraction(); f != 0 {
		t.Errorf("fraction of nothing is %d", f)
	}
	if got := r.update(seq - 4); got != placeDuplicate {
		t.Errorf("a duplicate is %v", got)
	}
	if got := r.update(seq - 95); got != placeNew { // the first lost one, 95 back: too far to know
		t.Errorf("a late one is %v", got)
	}
	if got := r.update(seq - 16); got != placeDuplicate {
		t.Errorf("a duplicate of an earlier one is %v", got)
	}
	if got := r.update(seq + 20000); got != placeJumped {
		t.Errorf("a jump is %v", got)
	}
	if got := r.update(seq); got != placeNew {
		t.Errorf("after a single stray one: %v", got)
	}
	r.update(seq + 20000)
	if got := r.update(seq + 20001); got != placeNew || r.base != uint32(seq+20001) {
		t.Errorf("two in a row do not begin anew: %v", got)
	}
	var d reception
	for range 3 {
		d.update(7)
	}
	if d.lost() != -2 || d.fraction() != 0 || d.duplicate != 2 {
		t.Errorf("with duplicates %d lost, fraction %d, %d duplicates; want -2, 0, 2", d.lost(), d.fraction(), d.duplicate)
	}
}

func TestReorderedIsNotLost(t *testing.T) {
	var r reception
	for _, seq := range []uint16{1, 3, 2, 5, 4} {
		if got := r.update(seq); got != placeNew {
			t.Errorf("%d is %v", seq, got)
		}
	}
	if r.lost() != 0 {
		t.Errorf("%d lost", r.lost())
	}
}

func TestInterarrivalJitter(t *testing.T) {
	var r reception
	now := time.Unix(7, 0)
	want := 0.0
	for i := range 500 {
		at := now.Add(time.Duration(i) * 20 * time.Millisecond)
		if i%2 == 1 {
			at = at.Add(5 * time.Millisecond) // 40 units every time
		}
		r.voice(at, uint32(i*160))
		if i > 0 {
			want += (40 - want) / 16
		}
	}
	if math.Abs(r.jitter-want) > 1e-9 {
		t.Errorf("jitter %v, want %v", r.jitter, want)
	}
}

func TestReportsGoToWhereTheyComeFrom(t *testing.T) {
	far, nat := addrPort("10.0.0.2:4000"), addrPort("192.0.2.1:1234")
	for _, tt := range []struct {
		sentence     string
		source, from netip.AddrPort
		want         string
	}{
		{"nothing came yet", netip.AddrPort{}, netip.AddrPort{}, "10.0.0.2:4007"},
		{"all as agreed", far, addrPort("10.0.0.2:4007"), "10.0.0.2:4007"},
		{"voice from elsewhere, no report yet", nat, netip.AddrPort{}, "192.0.2.1:1235"},
		{"reports from a port of their own", nat, addrPort("192.0.2.1:999"), "192.0.2.1:999"},
		{"reports from where voice came from before", nat, addrPort("10.0.0.2:4007"), "192.0.2.1:1235"},
	} {
		s := session{stream: Stream{Remote: far, RTCP: addrPort("10.0.0.2:4007")}, latch: latch{source: tt.source}, rtcpFrom: tt.from}
		if got := s.rtcpDestination().String(); got != tt.want {
			t.Errorf("%s: reports go to %s, want %s", tt.sentence, got, tt.want)
		}
	}
}
