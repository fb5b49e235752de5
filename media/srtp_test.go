package media

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
)

// keysFor are the keys of one call, from a seed: those of who offered it and of who answered.
func keysFor(suite Suite, seed byte) (offerer, answerer Crypto) {
	spec, _ := suite.spec()
	random := rand.NewChaCha8([32]byte{seed})
	a, b := newKey(random, spec), newKey(random, spec)
	return Crypto{suite, a, b}, Crypto{suite, b, a}
}

// secureCall is call with keys.
func secureCall(t *testing.T, suite Suite, voice []int16, change func(*Config), f func(t *testing.T, w *wire, a, b *party)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		w.delay = 3 * time.Millisecond
		a := newParty(t, w, "10.0.0.1", voice, change)
		b := newParty(t, w, "10.0.0.2", nil, change)
		rekey(a, b, suite, 1)
		f(t, w, a, b)
	})
}

// rekey gives both parties keys at once.
func rekey(a, b *party, suite Suite, seed byte) {
	sa, sb := a.stream(b), b.stream(a)
	if suite != "" {
		sa.Crypto, sb.Crypto = keysFor(suite, seed)
	}
	a.start(sa)
	b.start(sb)
}

func TestSecureVoiceArrivesAsItLeft(t *testing.T) {
	for _, spec := range suiteSpecs {
		t.Run(string(spec.suite), func(t *testing.T) {
			voice := speech(muLaw, 3*sampleRate)
			secureCall(t, spec.suite, voice, func(c *Config) { c.RTCPInterval = time.Second }, func(t *testing.T, w *wire, a, b *party) {
				inClear, reports := 0, 0
				w.dropping(func(_, to netip.AddrPort, p []byte) bool {
					if to == b.at() {
						if len(p) != rtpHeader+160+spec.tag || bytes.Contains(p, muLaw.encodeAll(voice[:80])) {
							inClear++
						}
					} else if to.Port() == b.port+1 {
						reports++
						if bytes.Contains(p[rtcpSSRC:], []byte(a.engine.cfg.CNAME)) {
							inClear++
						}
					}
					return false
				})
				pass(6 * time.Second)
				if find(b.ear.take(), voice) < 0 {
					t.Error("the voice did not arrive as it left")
				}
				if inClear != 0 || reports < 3 {
					t.Errorf("%d packets were in clear, %d reports were sent", inClear, reports)
				}
				sa, sb := a.engine.Stats(1), b.engine.Stats(1)
				if !sb.SRTP || sb.Suite != spec.suite || sb.RxForged != 0 || sb.RxLost != 0 || sb.ConcealedMS != 0 || sa.RTTMS < 5.5 || sa.RTTMS > 6.5 {
					t.Errorf("stats %+v\n%+v", sa, sb)
				}
			})
		})
	}
}

// encodeAll is pcm in the codes of the law.
func (l *law) encodeAll(pcm []int16) []byte {
	b := make([]byte, len(pcm))
	l.encodeTo(b, pcm)
	return b
}

func TestSecureHold(t *testing.T) {
	voice := speech(muLaw, 2*sampleRate)
	secureCall(t, AES128SHA80, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		pass(time.Second)
		hold := a.stream(b)
		hold.Crypto, _ = keysFor(AES128SHA80, 1)
		hold.Receive, hold.LocalHold = false, true
		a.start(hold)
		pass(time.Second)
		b.ear.take()
		hold.Receive, hold.LocalHold = true, false
		a.start(hold)
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate]) < 0 {
			t.Error("the voice is not back after the hold")
		}
		if st := b.engine.Stats(1); st.RxLost != 0 || st.ConcealedMS != 0 || st.RxForged != 0 {
			t.Errorf("a hold looks like loss: %+v", st)
		}
	})
}

// New keys, another suite, and encryption begun or ended in a call: not a packet is lost, whoever takes them first.
func TestRekeyWithoutAGap(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after Suite
		lossless      bool
	}{
		{"new keys", AES128SHA80, AES128SHA80, true},
		{"another suite", AES128SHA32, AES256GCM, true},
		{"no encryption any more", AES256GCM, "", false}, // what comes in clear too early is not believed
		{"encryption begins", "", AES128SHA80, false},
	} {
		for _, first := range []string{"offerer", "answerer"} {
			t.Run(tt.name+", first the "+first, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWire()
					w.delay = 3 * time.Millisecond
					voice := speech(muLaw, 4*sampleRate)
					a := newParty(t, w, "10.0.0.1", voice, nil)
					b := newParty(t, w, "10.0.0.2", voice, nil)
					rekey(a, b, tt.before, 1)
					pass(time.Second)
					sa, sb := a.stream(b), b.stream(a)
					if tt.after != "" {
						sa.Crypto, sb.Crypto = keysFor(tt.after, 2)
					}
					if first == "offerer" {
						a.start(sa)
						pass(50 * time.Millisecond)
						b.start(sb)
					} else {
						b.start(sb)
						pass(50 * time.Millisecond)
						a.start(sa)
					}
					pass(6 * time.Second)
					for _, p := range []*party{a, b} {
						st := p.engine.Stats(1)
						if st.Suite != tt.after || tt.lossless && (st.RxLost != 0 || st.RxForged != 0 || st.ConcealedMS != 0) || st.RxLost > 8 || st.RxForged > 8 {
							t.Errorf("%s: %+v", p.addr, st)
						}
						if find(p.ear.take(), voice[3*sampleRate:]) < 0 {
							t.Errorf("%s does not hear the end", p.addr)
						}
					}
					if s := a.engine.find(1); s.guard.heardBefore != nil && s.guard.believed(time.Now()) || s.guard.sentBefore != nil {
						t.Error("the keys before are not forgotten")
					}
				})
			})
		}
	}
}

// loudRTP is the loudest there is, in clear.
func loudRTP(ssrc uint32, seq uint16) []byte {
	h := rtp.Header{Version: rtpVersion, SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * 160}
	b := make([]byte, rtpHeader+160)
	if _, err := h.MarshalTo(b); err != nil {
		panic(err)
	}
	return b // of zeros, the largest sample of mu-law
}

// send delivers a datagram as if it came from there.
func (w *wire) send(from, to netip.AddrPort, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deliver(to, datagram{from, bytes.Clone(b)})
}

// What was changed on its way, what is in clear and what comes twice is counted and not heard.
func TestForgedPacketsAreNotHeard(t *testing.T) {
	for _, spec := range suiteSpecs {
		secureCall(t, spec.suite, nil, func(c *Config) { c.RTCPInterval = time.Second }, func(t *testing.T, w *wire, a, b *party) {
			pass(500 * time.Millisecond)
			n, changed, last := 0, 0, []byte(nil)
			w.dropping(func(_, to netip.AddrPort, p []byte) bool {
				if to == b.at() {
					if n++; n%5 == 0 {
						p[rtpHeader+n%150] ^= 0x80
						changed++
					} else {
						last = bytes.Clone(p)
					}
				}
				return false
			})
			pass(2*time.Second - 10*time.Millisecond)
			w.dropping(nil)
			pass(500 * time.Millisecond)
			st := b.engine.Stats(1)
			if changed < 15 || st.RxForged != uint64(changed) || st.RxLost != uint64(changed) || st.Remote != a.at().String() {
				t.Errorf("%s: of %d packets changed: %+v", spec.suite, changed, st)
			}
			b.ear.take()
			s := b.engine.find(1)
			seq, stranger := s.reception.maxSeq, addrPort("10.0.0.9:4000")
			for i := range uint16(20) {
				w.send(a.at(), b.at(), loudRTP(s.latch.ssrc, seq+1+i))
				w.send(stranger, b.at(), loudRTP(77, i))
			}
			w.send(stranger, b.at(), last)
			w.send(netip.AddrPortFrom(a.addr, a.port+1), netip.AddrPortFrom(b.addr, b.port+1), []byte("\x80\xc9\x00\x01abcd then nothing that was ever sealed"))
			pass(500 * time.Millisecond)
			if got := loudest(b.ear.take()); got > 10 {
				t.Errorf("%s: something as loud as %d is heard", spec.suite, got)
			}
			if after := b.engine.Stats(1); after.RxForged != st.RxForged+41 || after.RxDuplicate != st.RxDuplicate+1 || after.Remote != st.Remote || after.RxStrange != 0 {
				t.Errorf("%s: stats %+v", spec.suite, after)
			}
		})
	}
}

// Only who has the keys moves the voice to another address than agreed.
func TestOnlyAuthenticPacketsMoveTheVoice(t *testing.T) {
	voice := speech(muLaw, 2*sampleRate)
	secureCall(t, AES256GCM, voice, nil, func(t *testing.T, w *wire, a, b *party) {
		named := addrPort("10.0.0.7:5000")
		sb := b.stream(a)
		_, sb.Crypto = keysFor(AES256GCM, 1)
		sb.Remote, sb.RTCP = named, addrPort("10.0.0.7:5001")
		b.start(sb)
		for i := range uint16(20) {
			w.send(named, b.at(), loudRTP(77, i))
		}
		pass(time.Second)
		if st := b.engine.Stats(1); st.Remote != a.at().String() || st.RxForged != 20 {
			t.Errorf("stats %+v", st)
		}
		pass(3 * time.Second)
		if find(b.ear.take(), voice[:sampleRate]) < 0 {
			t.Error("the voice is not heard")
		}
	})
}

// The sequence number wraps, and the far end begins anew under other SSRCs: the counters follow each of them. More
// of them than anybody needs are refused, for each has a state.
func TestRolloverAndSources(t *testing.T) {
	a, b := keysFor(AES128SHA80, 1)
	var near, far guard
	if near.change(a) != nil || far.change(b) != nil {
		t.Fatal("no keys")
	}
	now := time.Unix(1e9, 0)
	from := newSender()
	pcm := make([]int16, 160)
	for i := range 3 * 65536 {
		packet := near.seal(from.add(pcm, true))
		if i%1000 == 999 {
			continue // lost
		}
		if _, v := far.open(now, packet); v != authentic {
			t.Fatalf("packet %d is taken as %d", i, v)
		}
	}
	for i := range 2 * maxSources {
		packet := near.seal(append(loudRTP(uint32(i), 7), make([]byte, maxOverhead)...)[:rtpHeader+160])
		if _, v := far.open(now, packet); (v == authentic) != (i < maxSources-1) {
			t.Errorf("SSRC %d is taken as %d", i, v)
		}
	}
	if packet := near.seal(from.add(pcm, true)); packet != nil {
		if _, v := far.open(now, packet); v != authentic {
			t.Error("the first SSRC is not taken any more")
		}
	}
}

// A key with an identifier: its packets carry it, ours do not.
func TestMasterKeyIdentifier(t *testing.T) {
	c, why := parseCrypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + testKey(AES128SHA80, 'k') + "|2^31|1:4")
	if why != "" {
		t.Fatal(why)
	}
	theirs, err := newCipher(AES128SHA80, c.key, true)
	if err != nil {
		t.Fatal(err)
	}
	packet, err := theirs.context.EncryptRTP(nil, loudRTP(1, 1), nil)
	if err != nil || len(packet) != rtpHeader+160+4+10 {
		t.Fatal(len(packet), err)
	}
	ours, _ := keysFor(AES128SHA80, 1)
	var g guard
	if err := g.change(Crypto{AES128SHA80, ours.Send, c.key}); err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	other := bytes.Clone(packet)
	other[len(other)-11] = 2
	if _, v := g.open(now, other); v != forged {
		t.Errorf("with another identifier it is taken as %d", v)
	}
	if plain, v := g.open(now, packet); v != authentic || !bytes.Equal(plain, loudRTP(1, 1)) {
		t.Errorf("it is taken as %d", v)
	}
	if sealed := g.seal(loudRTP(1, 1)); len(sealed) != rtpHeader+160+10 {
		t.Errorf("ours have %d bytes", len(sealed))
	}
}

func TestStartRefusesKeysThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, newWire(), "10.0.0.1", nil, nil)
		good, _ := keysFor(AES128SHA80, 1)
		for _, c := range []Crypto{{Suite: AES128SHA80}, {AES256GCM, good.Send, good.Receive}, {"F8", good.Send, good.Receive}, {AES128SHA80, good.Send, Key{}}} {
			st := p.stream(p)
			st.Crypto = c
			if err := p.engine.Start(1, st); err == nil {
				t.Errorf("started with %v", c)
			}
		}
	})
}

func TestSecureWayAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("a sync.Pool forgets at random under the race detector")
	}
	for _, suite := range []Suite{"", AES128SHA80, AES128SHA32, AES256GCM} {
		packet := newSecurePacket(t, suite)
		packet()
		if n := testing.AllocsPerRun(2000, packet); n != 0 {
			t.Errorf("%s: %v allocations a packet", suite, n)
		}
	}
}

// newSecurePacket sends one packet of 20 ms of a call to the other side, and takes it there.
func newSecurePacket(tb testing.TB, suite Suite) func() {
	var near, far guard
	if suite != "" {
		a, b := keysFor(suite, 1)
		if err := near.change(a); err != nil {
			tb.Fatal(err)
		}
		if err := far.change(b); err != nil {
			tb.Fatal(err)
		}
	}
	from := newSender()
	from.configure(PCMU, muLaw, 0, 160)
	pcm := make([]int16, 160)
	now := time.Unix(1e9, 0)
	var h rtp.Header
	return func() {
		packet := near.seal(from.add(pcm, true))
		plain, v := far.open(now, packet)
		if v != authentic {
			tb.Fatal("not authentic")
		}
		if _, why := admitRTP(plain, &h); why != "" {
			tb.Fatal(why)
		}
	}
}

// BenchmarkPacket is a packet made by one side and taken by the other, without sockets and sound; the first in clear.
func BenchmarkPacket(b *testing.B) {
	for _, suite := range []Suite{"", AES128SHA80, AES128SHA32, AES256GCM, AES128GCM} {
		b.Run(string(suite), func(b *testing.B) {
			packet := newSecurePacket(b, suite)
			b.ReportAllocs()
			for b.Loop() {
				packet()
			}
		})
	}
}
