package media

import (
	"net/netip"
	"time"

	"github.com/pion/rtp"
)

// A Receiver is the receiving half of a session by itself, as an Engine has one for each call: the gate
// for RTP, the latch on one source and SSRC, the decoder and the Jitter. It is for whoever has packets and
// a clock of his own, as media/jbsim. It is not safe for concurrent use, and allocates nothing once made.
type Receiver struct {
	session session
	header  rtp.Header
}

// NewReceiver returns the receiving half of what was agreed on.
func NewReceiver(now time.Time, st Stream) (*Receiver, error) {
	r := new(Receiver)
	if err := r.session.apply(now, st, muLaw, maxFrame); err != nil {
		return nil, err
	}
	return r, nil
}

// Push hands over one datagram that arrived at now.
func (r *Receiver) Push(now time.Time, from netip.AddrPort, datagram []byte) {
	r.session.receive(now, from, datagram, &r.header)
}

// Pull fills out with the samples due at now.
func (r *Receiver) Pull(now time.Time, out []int16) { r.session.jitter.Pull(now, out) }

// Stats returns the counts so far.
func (r *Receiver) Stats() JitterStats { return r.session.jitter.Stats() }
