package main

import (
	"fmt"
	"strings"
	"time"

	"dialtone/config"
	"dialtone/media"
	"dialtone/phone"
	"dialtone/sip"
)

// How the settings decide whether voice is encrypted, and what is shown of it (reference E.3, docs/encryption.md).

// encrypt says what a line wants of a call that goes by via. Strict ties voice to the signalling: both are
// encrypted, or none.
func encrypt(local *media.Local, s config.Settings, line int, via string) {
	l := s.Line[line-1]
	switch {
	case l.SecureCallOption == "Strict" && overTLS(via):
		local.Secure = media.SecureRequired
	case l.SecureCallOption == "Strict":
		local.Secure = media.SecureNever
	case l.SecureCallOption == "Required":
		local.Secure = media.SecureRequired
	case s.Phone.SecureCallServ:
		local.Secure, local.SAVP = media.SecureOptional, s.User.SecureCallSetting
	}
	if l.EncryptionMethod == "AES 256 GCM" {
		local.Suites = []media.Suite{media.AES256GCM, media.AES128SHA80}
	}
}

// overTLS tells whether "tls:192.0.2.1:5061" is encrypted signalling.
func overTLS(via string) bool { return strings.HasPrefix(via, "tls:") }

// secured tells the brain when a call became secure between here and the server, or is so no longer. Keys that
// went by signalling in clear protect from nobody who heard them, whatever way it takes later.
func (l *loop) secured(id phone.ID, c *conversation) {
	keys := c.stream.Crypto
	if !overTLS(c.via) {
		c.leaked = keys
	}
	on := keys.Suite != "" && !c.leaked.Equal(keys)
	if on != c.secure {
		c.secure = on
		l.tell(phone.Secured{ID: id, On: on})
	}
}

// calledAgain places a call again that was refused perhaps for what we offered of encryption: with another offer, and
// as the same call for the user. It tells whether it did.
func (l *loop) calledAgain(now time.Time, id phone.ID, ev sip.Ended) bool {
	c := l.calls[id]
	if c == nil || c.to == "" || !ev.Remote || ev.Code != 488 && ev.Code != 606 {
		return false
	}
	if !c.neg.Refused() {
		return false
	}
	l.decide(now, fmt.Sprintf("call %d: refused with %d, called again with another offer of encryption", id, ev.Code))
	c.early, c.agreed, c.stream = nil, false, media.Stream{}
	l.queueSIP(sip.Invite{ID: ev.ID, Line: c.line, To: c.to, Body: c.neg.Offer(false)})
	return true
}
