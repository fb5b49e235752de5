// Package media is the voice of a call: RTP and RTCP, the jitter buffer, codecs, tones, DTMF, and the
// SDP offer/answer that agrees on them.
//
// The Engine owns the only goroutines that touch voice. It imports hal only and does not know SIP.
package media
