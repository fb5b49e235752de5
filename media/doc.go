// Package media is the voice of a call: RTP and RTCP, the jitter buffer, codecs, tones, DTMF, and the
// SDP offer/answer that agrees on them.
//
//	microphone → sender → RTP                    sender: rtp.go, dtmf.go, inband.go
//	RTP → latch → Jitter → mixer → earpiece      latch: source.go; Jitter: receive_buffer.go and its neighbours
//	tone script → voice ───┘                     tonescript.go, toneplan.go, tone.go
//	SDP → Negotiator → Stream → Engine.Start     sdp.go, negotiate.go
//
// The Engine (engine.go) owns the only goroutines that touch voice; one of them (audio.go) owns the
// sound device and is paced by it. All that decides is plain values told the time: session.go and what
// it is made of can be tested without a goroutine. Nothing is allocated per frame, either way.
// It imports hal only and does not know SIP.
package media
