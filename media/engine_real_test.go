package media

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallOverRealSockets is a call over loopback, without a sound device: a digit goes across.
func TestCallOverRealSockets(t *testing.T) {
	ip := netip.MustParseAddr("127.0.0.1")
	heard := make(chan Event, 100)
	var engines [2]*Engine
	var streams [2]Stream
	for i := range engines {
		engines[i] = New(Config{ListenPacket: listenUDP, PortMin: 20000, PortMax: 29999, Notify: func(ev Event) {
			if i == 1 {
				heard <- ev
			}
		}})
		defer engines[i].Close()
		port, err := engines[i].Reserve(1, ip)
		if err != nil {
			t.Fatal(err)
		}
		streams[1-i] = Stream{Remote: netip.AddrPortFrom(ip, port), RTCP: netip.AddrPortFrom(ip, port+1), Codec: PCMA, EventPT: 101,
			Ptime: 20 * time.Millisecond, Send: true, Receive: true}
	}
	for i, e := range engines {
		if err := e.Start(1, streams[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := engines[0].SendDigit(1, "7", 0); err != nil {
		t.Fatal(err)
	}
	if ev := <-heard; ev != (DigitHeard{1, "7"}) {
		t.Errorf("heard %+v", ev)
	}
}

// FuzzEngine gives an engine any commands in any order: none may panic or block, and Close leaves
// nothing behind (the bubble would say so).
func FuzzEngine(f *testing.F) {
	f.Add([]byte{0, 1, 30, 2, 30, 3, 30, 4, 5, 30, 6, 7, 30})
	f.Add([]byte{0, 16, 1, 17, 30, 5, 21, 30, 3, 19, 33, 2, 0, 1})
	tones := []string{"dial", "busy", "ringback", "mwi dial", "call waiting", "mute", "trumpet"}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 60 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			p := newParty(t, w, "10.0.0.1", speech(muLaw, 800), func(c *Config) { c.RTCPInterval = time.Second })
			for _, op := range script {
				id, v := 1+int(op>>4&1), int(op>>5)
				switch op & 15 {
				case 0:
					p.engine.Reserve(id, netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + v%2)}))
				case 1:
					p.engine.Start(id, Stream{Remote: p.at(), RTCP: p.at(), Codec: []Codec{PCMU, PCMA, {}}[v%3], EventPT: uint8(v & 1 * 101),
						Ptime: time.Duration(10+v*10) * time.Millisecond, Send: v&1 == 0, Receive: v&2 == 0, LocalHold: v&4 == 0})
				case 2:
					p.engine.Stop(id)
				case 3:
					p.engine.SendDigit(id, "1#", time.Duration(v)*30*time.Millisecond)
				case 4:
					p.engine.PlayTone(tones[v%len(tones)])
				case 5:
					p.engine.StartRing(v)
				case 6:
					p.engine.StopRing()
				case 7:
					p.engine.StopTone()
				case 8:
					p.engine.KeyTone("1")
				case 9:
					p.engine.SetMute(v&1 == 0)
				case 10:
					p.engine.SetVolume(v)
				case 11:
					p.engine.Configure(DefaultTones(), time.Duration(v)*time.Second, defaultPortMin, defaultPortMax)
				case 12:
					if st := p.engine.Stats(id); st.MOSLQ < 0 || st.MOSLQ > 4.5 || st.JitterMS < 0 {
						t.Errorf("%+v", st)
					}
				default:
					pass(time.Duration(1+v) * 17 * time.Millisecond)
				}
			}
		})
	})
}
