package exchange

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Implementation constants.
const (
	maxSDP      = 8 << 10 // octets of a session description
	maxSDPLines = 200
	maxStreams  = 8
	leastPtime  = 10
	mostPtime   = 60
	usualPtime  = 20 // ms
)

// Payload types, RFC 3551 section 6; the event type is the one we offer.
const (
	pcmu       = 0
	pcma       = 8
	eventUsual = 101
)

// A description is the part of a session description an extension cares about: its first audio stream.
type description struct {
	to        netip.AddrPort // where its voice wants to be sent; not valid: nowhere
	codec     int            // the first of PCMU and PCMA; -1: neither
	event     int            // payload type of telephone-event; -1: none
	ptime     int            // ms
	direction string         // as it says: "sendrecv", "sendonly", "recvonly", "inactive"
	streams   []string       // the m= lines, for the answer
	audio     int            // which of them is ours; -1: none
}

// parseSDP reads a session description, RFC 8866.
func parseSDP(body []byte) (d description, ok bool) {
	d = description{codec: -1, event: -1, ptime: usualPtime, direction: "sendrecv", audio: -1}
	lines := strings.Split(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n")
	if len(body) > maxSDP || len(lines) > maxSDPLines || !strings.HasPrefix(lines[0], "v=0") {
		return d, false
	}
	var session, media netip.Addr
	port, sessionHeld := 0, ""
	mapped := map[int]string{}
	var formats []string
	for _, l := range lines {
		kind, value, has := strings.Cut(l, "=")
		value = strings.TrimSpace(value)
		ours := d.audio >= 0 && d.audio == len(d.streams)-1
		switch {
		case !has:
		case kind == "m":
			f := strings.Fields(value)
			if len(f) < 4 || len(d.streams) == maxStreams {
				return d, false
			}
			n, err := strconv.ParseUint(strings.SplitN(f[1], "/", 2)[0], 10, 16)
			if err != nil {
				return d, false
			}
			d.streams = append(d.streams, value)
			if d.audio < 0 && f[0] == "audio" && f[2] == "RTP/AVP" && n != 0 {
				d.audio, port, formats = len(d.streams)-1, int(n), f[3:]
			}
		case kind == "c" && (len(d.streams) == 0 || ours):
			f := strings.Fields(value)
			if len(f) != 3 {
				return d, false
			}
			a, err := netip.ParseAddr(strings.SplitN(f[2], "/", 2)[0])
			if err != nil {
				continue // a host name: we do not send there
			}
			if ours {
				media = a
			} else {
				session = a
			}
		case kind != "a":
		case value == "sendrecv" || value == "sendonly" || value == "recvonly" || value == "inactive":
			if ours {
				d.direction, sessionHeld = value, ""
			} else if len(d.streams) == 0 {
				sessionHeld = value
			}
		case ours && strings.HasPrefix(value, "ptime:"):
			if n, err := strconv.Atoi(strings.TrimSpace(value[6:])); err == nil && n >= leastPtime && n <= mostPtime {
				d.ptime = n
			}
		case ours && strings.HasPrefix(value, "rtpmap:"):
			number, name, _ := strings.Cut(value[7:], " ")
			if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < 128 {
				mapped[n] = strings.ToLower(strings.TrimSpace(name))
			}
		}
	}
	if sessionHeld != "" {
		d.direction = sessionHeld
	}
	for _, f := range formats {
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 || n > 127 {
			continue
		}
		if (n == pcmu || n == pcma) && d.codec < 0 {
			d.codec = n
		}
		if mapped[n] == "telephone-event/8000" && d.event < 0 {
			d.event = n
		}
	}
	if !media.IsValid() {
		media = session
	}
	if media.IsValid() && !media.IsUnspecified() { // RFC 3264 section 8.4: the old way to hold
		d.to = netip.AddrPortFrom(media.Unmap(), uint16(port))
	}
	return d, true
}

// answerDirection is what we may say to an offer: RFC 3264 section 6.1.
func answerDirection(offer string) string {
	switch offer {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return offer
}

// writeSDP describes our voice at an address. With an offer it is the answer to it, else an offer.
func writeSDP(at netip.AddrPort, session, version int, offer *description) []byte {
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", session, version, family, at.Addr(), family, at.Addr())
	own := offer
	if own == nil {
		own = &description{codec: -1, event: eventUsual, ptime: usualPtime, direction: "sendrecv", streams: []string{""}}
	}
	for i, m := range own.streams {
		if i != own.audio {
			f := strings.Fields(m)
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", f[0], f[2], strings.Join(f[3:], " "))
			continue
		}
		formats := []int{pcmu, pcma}
		if own.codec >= 0 {
			formats = []int{own.codec}
		}
		fmt.Fprintf(&b, "m=audio %d RTP/AVP", at.Port())
		for _, f := range formats {
			fmt.Fprintf(&b, " %d", f)
		}
		if own.event >= 0 {
			fmt.Fprintf(&b, " %d", own.event)
		}
		b.WriteString("\r\n")
		for _, f := range formats {
			fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", f, map[int]string{pcmu: "PCMU", pcma: "PCMA"}[f])
		}
		if own.event >= 0 {
			fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", own.event, own.event)
		}
		fmt.Fprintf(&b, "a=ptime:%d\r\na=%s\r\n", own.ptime, answerDirection(own.direction))
	}
	return []byte(b.String())
}
