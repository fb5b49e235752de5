package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// A message is a SIP message as the far ends of these tests read it: simple, and written without the
// code it tests.
type message struct {
	first   string
	headers [][2]string
	body    string
}

func parseMessage(data []byte) *message {
	head, body, _ := strings.Cut(string(data), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := &message{first: lines[0], body: body}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		m.headers = append(m.headers, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return m
}

func (m *message) bytes() []byte {
	var b strings.Builder
	b.WriteString(m.first + "\r\n")
	for _, h := range m.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(m.body), m.body)
	return []byte(b.String())
}

func (m *message) add(name, value string) { m.headers = append(m.headers, [2]string{name, value}) }

func (m *message) all(name string) (values []string) {
	for _, h := range m.headers {
		if strings.EqualFold(h[0], name) {
			values = append(values, h[1])
		}
	}
	return values
}

// get is the first value of a header, or "".
func (m *message) get(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// code is the status of a response, 0 for a request.
func (m *message) code() int {
	if rest, ok := strings.CutPrefix(m.first, "SIP/2.0 "); ok {
		n, _ := strconv.Atoi(rest[:min(3, len(rest))])
		return n
	}
	return 0
}

// method is the request's, or of the request a response answers.
func (m *message) method() string {
	if m.code() != 0 {
		_, method, _ := strings.Cut(m.get("CSeq"), " ")
		return method
	}
	method, _, _ := strings.Cut(m.first, " ")
	return method
}

// transaction names the client transaction a request belongs to; a CANCEL and its INVITE share a
// branch, so the method is part of it.
func (m *message) transaction() string {
	return param(m.get("Via"), "branch") + " " + m.method()
}

// param is a parameter of a header value, ";name=value".
func param(value, name string) string {
	for p := range strings.SplitSeq(value, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), name) {
			return v
		}
	}
	return ""
}

// inBrackets is the URI of a name-addr.
func inBrackets(value string) string {
	_, rest, found := strings.Cut(value, "<")
	if !found {
		uri, _, _ := strings.Cut(value, ";")
		return uri
	}
	uri, _, _ := strings.Cut(rest, ">")
	return uri
}

// userOf is the user part of a URI, or of a name-addr.
func userOf(uri string) string {
	uri = strings.TrimPrefix(inBrackets(uri), "sip:")
	user, _, found := strings.Cut(uri, "@")
	if !found {
		return ""
	}
	return user
}

// sdpDirection is what a session description says about who may talk: "sendrecv" unless it says other.
func sdpDirection(body string) string {
	for _, d := range []string{"sendonly", "recvonly", "inactive"} {
		if strings.Contains(body, "a="+d) {
			return d
		}
	}
	return "sendrecv"
}

// line is a message as a transcript shows it: what it is, and what its body says.
func (m *message) line() string {
	text := strings.TrimSuffix(m.first, " SIP/2.0")
	if m.code() != 0 {
		text = fmt.Sprintf("%s (%s)", strings.TrimPrefix(m.first, "SIP/2.0 "), m.method())
	} else if ev := m.get("Event"); ev != "" {
		text += " " + ev
	}
	if m.method() == "REGISTER" {
		if e := m.get("Expires"); e != "" {
			text += " expires " + e
		} else if e := param(m.get("Contact"), "expires"); e != "" {
			text += " expires " + e
		}
	}
	if strings.Contains(m.get("Content-Type"), "sdp") && m.body != "" {
		text += " [" + sdpDirection(m.body) + "]"
	}
	return text
}

// A heard message is one that arrived, and the way back.
type heard struct {
	*message
	raw  []byte
	conn net.Conn // nil: it came by UDP
	from net.Addr
}
