package media

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestReports(t *testing.T) {
	t0 := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	a, b := &reporter{cname: "a@x"}, &reporter{cname: "b@x"}
	sa, sb := newSender(), newSender()
	sa.packets, sa.octets = 100, 16000
	var heardByB reception
	for i := range 100 {
		if i%4 != 1 {
			heardByB.update(uint16(i))
		}
	}
	heardByB.jitter = 12.9

	first, err := a.compound(t0, sa, true, &reception{}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	b.take(t0.Add(30*time.Millisecond), first, sb.ssrc)
	second, err := b.compound(t0.Add(530*time.Millisecond), sb, false, &heardByB, sa.ssrc, true)
	if err != nil {
		t.Fatal(err)
	}
	if bye := a.take(t0.Add(560*time.Millisecond), second, sa.ssrc); !bye {
		t.Error("the goodbye was not heard")
	}
	if math.Abs(a.rtt-60) > 0.1 {
		t.Errorf("round trip %v ms, want 60", a.rtt)
	}
	if a.farLost != 64.0/256 || math.Abs(a.farJit-1.5) > 0.01 {
		t.Errorf("the far end lost %v with a jitter of %v ms, want 0.25 and 1.5", a.farLost, a.farJit)
	}
	packets, err := rtcp.Unmarshal(second)
	if err != nil {
		t.Fatal(err)
	}
	rr, ok := packets[0].(*rtcp.ReceiverReport)
	if !ok || len(rr.Reports) != 1 || len(packets) != 3 {
		t.Fatalf("sent %v", packets)
	}
	ntp := ntpTime(t0)
	want := rtcp.ReceptionReport{SSRC: sa.ssrc, FractionLost: 64, TotalLost: 25, LastSequenceNumber: 99, Jitter: 12,
		LastSenderReport: uint32(ntp >> 16), Delay: 65536 / 2}
	if rr.Reports[0] != want {
		t.Errorf("report %+v\nwant   %+v", rr.Reports[0], want)
	}
	if err := rtcp.CompoundPacket(packets).Validate(); err != nil {
		t.Error(err)
	}
	sr, err := rtcp.Unmarshal(first)
	if err != nil {
		t.Fatal(err)
	}
	if got := sr[0].(*rtcp.SenderReport); got.PacketCount != 100 || got.OctetCount != 16000 || got.RTPTime != sa.timestamp ||
		got.NTPTime>>32 != uint64(t0.Unix()+2208988800) || len(got.Reports) != 0 {
		t.Errorf("sender report %+v", got)
	}
}

func TestLossIsCountedIn24Bits(t *testing.T) {
	r := reception{started: true, base: 10, maxSeq: 10, received: 5} // four more than sent
	b, err := (&reporter{}).compound(time.Unix(0, 0), newSender(), false, &r, 1, false)
	if err != nil || b[13] != 0xff || b[14] != 0xff || b[15] != 0xfc {
		t.Errorf("minus four is % x (%v)", b[13:16], err)
	}
}

func TestRTCPGate(t *testing.T) {
	sr := []byte{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	bye := []byte{0x81, 203, 0, 1, 0, 0, 0, 1}
	change := func(i int, v byte) []byte {
		b := append([]byte(nil), sr...)
		b[i] = v
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"sender report", sr, true},
		{"with goodbye", append(append([]byte(nil), sr...), bye...), true},
		{"nothing", nil, false},
		{"goodbye first", bye, false},
		{"version", change(0, 0x40), false},
		{"padded first part", change(0, 0xa0), false},
		{"longer than it is", change(3, 7), false},
		{"half a part behind", append(append([]byte(nil), sr...), 0x80, 200), false},
		{"shorter than its head says", change(3, 0), false},
	} {
		if got := admitRTCP(tt.b, func(rtcp.PacketType, []byte) {}); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func FuzzRTCP(f *testing.F) {
	sa := newSender()
	b, err := (&reporter{cname: "x"}).compound(time.Unix(0, 0), sa, true, &reception{started: true, received: 1}, 7, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0x81, 201, 0, 1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r reporter
		r.take(time.Unix(100, 0), b, 7)
		if r.rtt < 0 || r.rtt > maxRTT || r.farLost < 0 || r.farLost > 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestQuality(t *testing.T) {
	for _, tt := range []struct{ delay, lost, r, mos float64 }{
		{0, 0, 93.2, 4.41},
		{50, 0, 92, 4.38},
		{150, 0, 89.6, 4.33},
		{50, 0.05, 76.22, 3.87},
		{400, 0.2, 16.97, 1.17},
		{1000, 1, 0, 1},
	} {
		r, mos := listeningQuality(tt.delay, tt.lost)
		if math.Abs(r-tt.r) > 0.1 || math.Abs(mos-tt.mos) > 0.02 {
			t.Errorf("%v ms and %v lost: R %.2f, MOS %.2f; want %.2f, %.2f", tt.delay, tt.lost, r, mos, tt.r, tt.mos)
		}
	}
}
