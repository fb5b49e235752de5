package sip

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// gateReasons are the reason phrases of the gate's own answers. RFC 3261 section 21.
var gateReasons = map[int]string{400: "Bad Request", 501: "Not Implemented", 505: "Version Not Supported"}

// reply builds the stateless answer to a bad request (RFC 3261 sections 8.2.6.2 and 8.2.7). What cannot be read is
// sent back as it came. A request without Via, or one that may be an ACK, gets none.
func (m *gateMessage) reply(code int, src netip.AddrPort) []byte {
	if cseq, ok := gateCSeq(m.first(gateCSeqLine)); ok && cseq.MethodName == sipmsg.ACK {
		return nil
	}
	var b strings.Builder
	b.WriteString(gateVersion + " " + strconv.Itoa(code) + " " + gateReasons[code] + "\r\n")
	var seen [gateKinds]bool
	for _, l := range m.lines {
		value := gateEcho(l.value)
		switch l.kind {
		case gateViaLine:
			if !seen[l.kind] {
				value = gateTopVia(value, src)
			}
		case gateToLine:
			value = gateTagged(value, m.first(gateCallIDLine)+m.first(gateViaLine))
		case gateFromLine, gateCallIDLine, gateCSeqLine:
		default:
			continue
		}
		if seen[l.kind] && l.kind != gateViaLine {
			continue
		}
		seen[l.kind] = true
		b.WriteString(l.name + ": " + value + "\r\n")
	}
	if !seen[gateViaLine] {
		return nil
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return []byte(b.String())
}

// gateEcho makes a value safe to send back: no line can be smuggled into the answer.
func gateEcho(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// gateTopVia notes the source of a request in the first of the Via values of a line.
func gateTopVia(value string, src netip.AddrPort) string {
	top, rest, more := gateCut(value, ',')
	via := &sipmsg.ViaHeader{}
	if !src.IsValid() || !gateVia(strings.Trim(top, " \t"), via) {
		return value
	}
	viaReceived(via, src)
	if more {
		return via.Value() + "," + rest
	}
	return via.Value()
}

// gateTagged gives a To value a tag if it has none: the same one each time the same request comes.
func gateTagged(value, key string) string {
	var a gateAddress
	if a.parse(value) {
		if _, ok := a.params.Get("tag"); ok {
			return value
		}
	} else if _, params, _ := gateCut(value, ';'); strings.Contains(strings.ToLower(params), "tag") {
		return value
	}
	sum := sha256.Sum256([]byte(value + key))
	return value + ";tag=" + hex.EncodeToString(sum[:8])
}
