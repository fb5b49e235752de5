package media

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Implementation constants.
const (
	defaultPtime = 20 * time.Millisecond
	minPtime     = 10 * time.Millisecond
	maxPtime     = 60 * time.Millisecond
	ptimeStep    = 10 * time.Millisecond
	eventName    = "telephone-event" // RFC 4733 section 7.1.1
	sampleRate   = 8000              // of every codec spoken here, a second
)

// A Codec is one way to write voice, under the payload number it has in a session.
type Codec struct {
	Name string // "PCMU", "PCMA"
	PT   uint8  // RTP payload type
	Rate int    // RTP clock in Hz
}

// The codecs of RFC 3551 section 4.5.14.
var (
	PCMU = Codec{Name: "PCMU", PT: 0, Rate: sampleRate}
	PCMA = Codec{Name: "PCMA", PT: 8, Rate: sampleRate}
)

// Local is our side of a session: what we offer and agree to.
type Local struct {
	Addr      netip.Addr    // where we are reached
	Port      uint16        // of RTP; RTCP is on the next
	Codecs    []Codec       // in order of preference; none: PCMU, PCMA
	EventPT   uint8         // payload number of telephone-event in our offers; 0: events are not offered
	Ptime     time.Duration // what we wish to receive; 0: 20 ms
	SessionID uint64        // of the o= line, never changed within a call
	User      string        // of the o= line; "": "-"
	ListAll   bool          // answers name every common codec, not only the preferred one (Codec_Negotiation "List All")
	Fixed     bool          // voice goes to where the far end said, not where its own comes from (Symmetric_RTP No)
	ZeroHold  bool          // hold with c=0.0.0.0 as well (RFC_2543_Call_Hold)
	Secure    Secure        // whether voice is encrypted
	SAVP      bool          // where that is optional, our first offer asks for it by RTP/SAVP, which a far end without it refuses
	Suites    []Suite       // in our offers, in order of preference; none: AES128SHA80, AES128SHA32
	Keys      io.Reader     // of randomness, for our keys; not used while Secure is SecureNever
}

// A Stream is what offer and answer agreed on: all the Engine needs to know. The zero Stream
// neither sends nor receives.
type Stream struct {
	Remote  netip.AddrPort // where voice is sent; invalid: nowhere
	RTCP    netip.AddrPort
	Codec   Codec         // what we send, under the far end's payload number
	EventPT uint8         // of the telephone-event we send; 0: none
	Ptime   time.Duration // of the packets we send, 10 to 60 ms
	// Accept are the codecs the far end may send, under the numbers we gave them. Empty: Codec only.
	Accept []Codec
	// AcceptEventPT is the telephone-event number the far end sends; 0: EventPT.
	AcceptEventPT uint8
	Send          bool
	Receive       bool
	LocalHold     bool // we hold: what is sent is silence
	RemoteHold    bool // the far end holds us
	FixedRemote   bool // voice goes to Remote even if the far end's comes from elsewhere
	Crypto        Crypto
}

// A Negotiator is the offer/answer state of one call, RFC 3264. It is pure: not safe for concurrent
// use, knows no time and touches nothing.
type Negotiator struct {
	local Local
	held  bool // by us

	agreed  bool     // an exchange has been completed
	lines   []string // of the session's m= lines, in order, those that are not our audio: media, proto and formats
	audio   int      // index of our audio stream; -1: none yet
	codecs  []Codec  // the numbers this session uses for our codecs, for later offers
	eventPT uint8
	timing  string // of the t= line
	secured secured
	anew    bool // the next offer is like a first one
	refused bool // our first offer was, and the next one is another
	clear   bool // our offers ask for no encryption

	last    []byte // the description sent last, without its version
	version uint64
	sent    bool
	offered *offered // our offer that waits for its answer
}

// offered is what an unanswered offer of ours said, and what it will replace if it is accepted.
type offered struct {
	direction Direction
	wasHeld   bool
	proto     string
	crypto    []cryptoLine
}

// NewNegotiator begins a session. Nothing is said yet.
func NewNegotiator(l Local) *Negotiator {
	if len(l.Codecs) == 0 {
		l.Codecs = []Codec{PCMU, PCMA}
	}
	if l.User == "" || !isToken(l.User, false) {
		l.User = "-"
	}
	if l.Ptime == 0 {
		l.Ptime = defaultPtime
	}
	if len(l.Suites) == 0 {
		l.Suites = []Suite{AES128SHA80, AES128SHA32}
	}
	if l.Keys == nil {
		l.Secure = SecureNever
	}
	l.Ptime = clampPtime(l.Ptime)
	return &Negotiator{local: l, audio: -1, codecs: l.Codecs, eventPT: l.EventPT, timing: "0 0", version: l.SessionID}
}

// Held says whether we hold the call, as far as was said in an offer.
func (n *Negotiator) Held() bool { return n.held }

// Move gives the stream a new address: the next Offer or Answer says so.
func (n *Negotiator) Move(addr netip.Addr, port uint16) { n.local.Addr, n.local.Port = addr, port }

// Offer returns our offer, the first or a later one; hold asks the far end to stop sending
// (RFC 3264 section 8.4). The answer goes to Accept; Withdraw when the offer was refused.
func (n *Negotiator) Offer(hold bool) []byte {
	proto, crypto := n.offerCrypto()
	n.offered = &offered{direction: direction(true, !hold), wasHeld: n.held, proto: proto, crypto: crypto}
	n.held = hold
	m := n.audioLine(proto, crypto, n.codecs, n.eventPT, n.offered.direction)
	index := n.audio
	if index < 0 {
		index = len(n.lines)
	}
	return n.write(index, m, hold)
}

// Withdraw forgets an offer that was not accepted: the session is what it was before
// (RFC 3264 section 8).
func (n *Negotiator) Withdraw() {
	if n.offered != nil {
		n.held, n.offered = n.offered.wasHeld, nil
	}
}

// Answer agrees to an offer: the answer to send back and the stream that results. The error is an
// *SDPError for a malformed offer (400) and wraps ErrNotAcceptable where we cannot agree (488); the
// session then is what it was.
func (n *Negotiator) Answer(offer []byte) ([]byte, Stream, error) {
	d, err := parseSDP(offer)
	if err != nil {
		return nil, Stream{}, err
	}
	index, err := n.pick(d)
	if err != nil {
		return nil, Stream{}, err
	}
	lines := make([]string, len(d.streams))
	for i, s := range d.streams {
		lines[i] = s.media + " 0 " + s.proto + " " + strings.Join(s.formats, " ")
	}
	if index < 0 { // nothing to hear, and that is agreed: no streams at all, or ours closed
		n.agree(d, lines, n.audio, secured{})
		return n.write(-1, "", false), Stream{LocalHold: n.held}, nil
	}
	remote := &d.streams[index]
	common := n.common(remote)
	if len(common) == 0 {
		return nil, Stream{}, notAcceptable("no common codec in %q", strings.Join(remote.formats, " "))
	}
	if !n.local.ListAll {
		common = common[:1]
	}
	eventPT := n.events(remote)
	s := Stream{Codec: common[0], EventPT: eventPT, Accept: common, AcceptEventPT: eventPT}
	sec, err := n.answerCrypto(remote)
	if err != nil {
		return nil, Stream{}, err
	}
	s.Crypto = sec.crypto
	dir := n.flow(&s, remote, direction(true, !n.held))
	n.codecs, n.eventPT = n.renumber(common), eventPT
	if eventPT == 0 {
		n.eventPT = n.local.EventPT
	}
	n.agree(d, lines, index, sec)
	return n.write(index, n.audioLine(sec.proto, sec.line(), common, eventPT, dir), n.held), s, nil
}

// Accept takes the answer to our Offer and returns the stream that results. The error is an
// *SDPError for a malformed answer, and wraps ErrNotAcceptable where the far end refused the audio
// or answered what was not offered. The session then is what it was before the offer.
func (n *Negotiator) Accept(answer []byte) (Stream, error) {
	if n.offered == nil {
		return Stream{}, fmt.Errorf("%w: an answer, but nothing was offered", ErrNotAcceptable)
	}
	s, index, d, sec, err := n.accept(answer)
	if err != nil {
		n.Withdraw()
		return Stream{}, err
	}
	n.offered = nil
	lines := n.lines
	if n.audio < 0 {
		lines = append(lines, "")
	}
	n.agree(d, lines, index, sec)
	return s, nil
}

func (n *Negotiator) accept(answer []byte) (s Stream, index int, d *description, sec secured, err error) {
	d, err = parseSDP(answer)
	if err != nil {
		return s, 0, nil, sec, err
	}
	index = n.audio
	if index < 0 {
		index = len(n.lines)
	}
	// RFC 3264 section 6: as many m= lines as offered, in the same order. Ours has to be there.
	if index >= len(d.streams) || d.streams[index].media != "audio" {
		return s, 0, nil, sec, notAcceptable("the answer has no audio where it was offered")
	}
	remote := &d.streams[index]
	if remote.port == 0 {
		return s, 0, nil, sec, notAcceptable("the far end refused the audio")
	}
	if err := n.reachable(remote); err != nil {
		return s, 0, nil, sec, err
	}
	if sec, err = n.acceptCrypto(remote); err != nil {
		return s, 0, nil, sec, err
	}
	s.Crypto = sec.crypto
	// The answer's order is the far end's preference; its numbers are what it wants to receive.
	for _, format := range remote.formats {
		if c, ok := n.match(remote, format); ok {
			s.Codec = c
			break
		}
	}
	if s.Codec.Name == "" {
		return s, 0, nil, sec, notAcceptable("none of the codecs offered is in the answer (%q)", strings.Join(remote.formats, " "))
	}
	s.Accept = append(s.Accept, n.codecs...)
	for _, c := range n.common(remote) { // some send under their own number what we numbered otherwise
		if !hasPT(s.Accept, c.PT) {
			s.Accept = append(s.Accept, c)
		}
	}
	if n.eventPT != 0 {
		if s.EventPT = n.events(remote); s.EventPT != 0 {
			s.AcceptEventPT = n.eventPT
		}
	}
	n.flow(&s, remote, n.offered.direction)
	return s, index, d, sec, nil
}

// pick finds the stream of an offer we talk on: the one in use, else the first audio that is encrypted, else the
// first in clear; some offer both.
// -1: the offer is fine and there is nothing to talk on.
func (n *Negotiator) pick(d *description) (int, error) {
	if len(d.streams) < len(n.lines) { // RFC 3264 section 8
		return 0, notAcceptable("the offer has %d m= lines, the session %d", len(d.streams), len(n.lines))
	}
	if len(d.streams) == 0 {
		return -1, nil // RFC 3264 section 5 allows it, third-party call control uses it
	}
	var why error
	try := func(i int, clear bool) bool {
		s := &d.streams[i]
		if s.media != "audio" || s.port == 0 {
			return false
		}
		key, err := n.chosen(s)
		if err != nil {
			why = err
			return false
		}
		if key == nil && !clear {
			return false
		}
		if err := n.reachable(s); err != nil {
			why = err
			return false
		}
		if len(n.common(s)) == 0 {
			why = notAcceptable("no common codec in %q", strings.Join(s.formats, " "))
			return false
		}
		return true
	}
	if n.audio >= 0 && try(n.audio, true) {
		return n.audio, nil
	}
	for _, clear := range []bool{false, true} {
		for i := range d.streams {
			if i != n.audio && try(i, clear) {
				return i, nil
			}
		}
	}
	if why == nil && n.agreed {
		return -1, nil // the audio was closed (RFC 3264 section 8.2)
	}
	if why == nil {
		why = notAcceptable("no audio in the offer")
	}
	return 0, why
}

// reachable says whether voice could be sent to where s asks for it.
func (n *Negotiator) reachable(s *streamDescription) error {
	if !s.addr.IsValid() {
		return notAcceptable("line %d: %s", s.line, s.addrWhy)
	}
	if !s.addr.IsUnspecified() && n.local.Addr.IsValid() && s.addr.Is4() != n.local.Addr.Unmap().Is4() {
		return notAcceptable("line %d: %s cannot be reached from %s", s.line, s.addr, n.local.Addr)
	}
	return nil
}

// common returns our codecs that remote has too, in our order, under remote's numbers.
func (n *Negotiator) common(remote *streamDescription) []Codec {
	var common []Codec
	for _, want := range n.local.Codecs {
		for _, format := range remote.formats {
			if c, ok := n.match(remote, format); ok && c.Name == want.Name {
				common = append(common, c)
				break
			}
		}
	}
	return common
}

// match finds the codec of ours that format stands for in remote, under remote's number.
func (n *Negotiator) match(remote *streamDescription, format string) (Codec, bool) {
	pt, err := strconv.ParseUint(format, 10, 7)
	if err != nil {
		return Codec{}, false
	}
	name, rate, ok := remote.codec(format)
	if !ok {
		return Codec{}, false
	}
	for _, c := range n.local.Codecs {
		if strings.EqualFold(c.Name, name) && c.Rate == rate { // RFC 4855 section 3: names in any case
			return Codec{Name: c.Name, PT: uint8(pt), Rate: rate}, true
		}
	}
	return Codec{}, false
}

// events is remote's payload number of telephone-event at our clock rate; 0: none, or we want none.
func (n *Negotiator) events(remote *streamDescription) uint8 {
	if n.local.EventPT == 0 {
		return 0
	}
	for _, format := range remote.formats {
		pt, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			continue
		}
		if name, rate, ok := remote.codec(format); ok && strings.EqualFold(name, eventName) && rate == sampleRate {
			return uint8(pt)
		}
	}
	return 0
}

// flow settles where and which way voice goes, from what we want and what remote says, and returns
// the direction to answer with (RFC 3264 section 6.1).
func (n *Negotiator) flow(s *Stream, remote *streamDescription, want Direction) Direction {
	far := remote.direction
	if remote.addr.IsUnspecified() { // RFC 2543 hold; RFC 3264 section 8.4: do not send there
		far = direction(far.sends(), false)
	} else {
		s.Remote = netip.AddrPortFrom(remote.addr, remote.port)
		s.RTCP = netip.AddrPortFrom(remote.addr, remote.port+1)
		if remote.rtcp.Port() != 0 {
			s.RTCP = netip.AddrPortFrom(remote.addr, remote.rtcp.Port())
			if a := remote.rtcp.Addr(); a.IsValid() && !a.IsUnspecified() && a.Is4() == remote.addr.Is4() {
				s.RTCP = remote.rtcp
			}
		}
	}
	dir := direction(want.sends() && far.receives(), want.receives() && far.sends())
	s.Send, s.Receive = dir.sends(), dir.receives()
	s.FixedRemote = n.local.Fixed
	s.LocalHold, s.RemoteHold = n.held, !far.receives()
	s.Ptime = n.local.Ptime
	if remote.ptime > 0 {
		s.Ptime = remote.ptime
	}
	if remote.maxptime > 0 {
		s.Ptime = min(s.Ptime, remote.maxptime)
	}
	s.Ptime = clampPtime(s.Ptime)
	return dir
}

// clampPtime is the packet time we send nearest below d.
func clampPtime(d time.Duration) time.Duration {
	return min(max(d/ptimeStep*ptimeStep, minPtime), maxPtime)
}

// renumber gives our codecs the numbers of common, which RFC 3264 section 8.3.2 keeps for the whole
// session, and leaves the others their own unless those are taken.
func (n *Negotiator) renumber(common []Codec) []Codec {
	all := append([]Codec(nil), common...)
	for _, c := range n.codecs {
		named := false
		for _, have := range all {
			named = named || have.Name == c.Name || have.PT == c.PT
		}
		if !named {
			all = append(all, c)
		}
	}
	return all
}

func hasPT(codecs []Codec, pt uint8) bool {
	for _, c := range codecs {
		if c.PT == pt {
			return true
		}
	}
	return false
}

// agree notes the shape of the session, for its next offer.
func (n *Negotiator) agree(d *description, lines []string, audio int, sec secured) {
	n.agreed, n.lines, n.audio, n.timing, n.secured = true, lines, audio, d.timing, sec
}

// audioLine writes our m= line with its attributes.
func (n *Negotiator) audioLine(proto string, crypto []cryptoLine, codecs []Codec, eventPT uint8, dir Direction) string {
	if hasPT(codecs, eventPT) {
		eventPT = 0 // the far end took its number for a codec
	}
	var b strings.Builder
	fmt.Fprintf(&b, "m=audio %d %s", n.local.Port, proto)
	for _, c := range codecs {
		fmt.Fprintf(&b, " %d", c.PT)
	}
	if eventPT != 0 {
		fmt.Fprintf(&b, " %d", eventPT)
	}
	b.WriteString("\r\n")
	for _, c := range codecs {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/%d\r\n", c.PT, c.Name, c.Rate)
	}
	if eventPT != 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/%d\r\na=fmtp:%d 0-16\r\n", eventPT, eventName, sampleRate, eventPT)
	}
	for _, c := range crypto {
		b.WriteString(c.attribute())
	}
	fmt.Fprintf(&b, "a=ptime:%d\r\na=%s\r\n", n.local.Ptime.Milliseconds(), dir)
	return b.String()
}

// write puts a description together: our audio at index, every other stream of the session refused
// in its place (RFC 3264 sections 6 and 8). The version goes up only when something changed.
func (n *Negotiator) write(index int, audio string, hold bool) []byte {
	family := "IP4"
	if n.local.Addr.Is6() && !n.local.Addr.Is4In6() {
		family = "IP6"
	}
	addr := n.local.Addr.Unmap().String()
	at := addr
	if hold && n.local.ZeroHold && family == "IP4" {
		at = "0.0.0.0"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "s=-\r\nc=IN %s %s\r\nt=%s\r\n", family, at, n.timing)
	for i, line := range n.lines {
		if i != index {
			fmt.Fprintf(&b, "m=%s\r\n", line)
			continue
		}
		b.WriteString(audio)
	}
	if index == len(n.lines) {
		b.WriteString(audio)
	}
	origin := fmt.Sprintf(" IN %s %s\r\n", family, addr)
	body := append([]byte(origin), b.Bytes()...)
	if n.sent && !bytes.Equal(body, n.last) {
		n.version++
	}
	n.sent, n.last = true, body
	return append(fmt.Appendf(nil, "v=0\r\no=%s %d %d", n.local.User, n.local.SessionID, n.version), body...)
}
