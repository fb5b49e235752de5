package sip

import (
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// known are the methods that get 405 where others get 501: RFC 3261 section 21.4.6 and 21.5.2.
var known = []sipmsg.RequestMethod{
	sipmsg.INVITE, sipmsg.ACK, sipmsg.CANCEL, sipmsg.BYE, sipmsg.OPTIONS, sipmsg.NOTIFY, sipmsg.INFO,
	sipmsg.REGISTER, sipmsg.SUBSCRIBE, sipmsg.REFER, sipmsg.MESSAGE, sipmsg.PRACK, sipmsg.UPDATE, sipmsg.PUBLISH,
}

// requested takes in a request the gate admitted.
func (a *Agent) requested(now time.Time, f *flow, req *sipmsg.Request) {
	switch req.Method {
	case sipmsg.ACK:
		a.acknowledged(now, f, req)
		return
	case sipmsg.CANCEL:
		if a.serverTxs[ownKey(req)] == nil {
			a.canceled(now, f, req)
			return
		}
	}
	if tx := a.serverTxs[ownKey(req)]; tx != nil {
		tx.again(now, f, inRequest)
		return
	}
	viaReceived(req.Via(), f.Remote)
	if tag := toTag(req); tag != "" {
		if c := a.dialogs[dialogKey{req.CallID().Value(), tag}]; c != nil {
			if tx := a.serve(now, f, req, true); tx != nil && a.acceptable(now, tx, true) {
				c.request(now, tx)
			}
			return
		}
	}
	if s := a.subs[dialogKey{req.CallID().Value(), toTag(req)}]; s != nil {
		if tx := a.serve(now, f, req, true); tx != nil && a.acceptable(now, tx, true) {
			s.request(now, tx)
		}
		return
	}
	if !a.trusted(f) {
		return // Block_Nonproxy_SIP: a scanner learns nothing, not even that there is a phone
	}
	tx := a.serve(now, f, req, false)
	if tx == nil {
		return
	}
	if a.merges[tx.merge] != tx && toTag(req) == "" {
		tx.answer(now, 482) // section 8.2.2.2: the same request came by another way
		return
	}
	if !a.acceptable(now, tx, false) {
		return
	}
	switch req.Method {
	case sipmsg.INVITE:
		tx.answer(now, 100)
		a.incoming(now, tx, tx.line)
	case sipmsg.OPTIONS:
		a.answerOptions(now, tx)
	case sipmsg.NOTIFY:
		a.notified(now, tx)
	default: // BYE and INFO belong to a dialog
		tx.answer(now, 481)
	}
}

// acceptable looks at a request in the order of RFC 3261 section 8.2 and answers it if it is not.
func (a *Agent) acceptable(now time.Time, tx *serverTx, inDialog bool) bool {
	req := tx.req
	refuse := func(code int, headers ...sipmsg.Header) bool {
		resp := a.newResponse(req, code, tx.tag)
		for _, h := range headers {
			resp.AppendHeader(h)
		}
		tx.respond(now, resp, nil)
		return false
	}
	switch {
	case !slices.Contains(known, req.Method):
		return refuse(501)
	case !slices.Contains(strings.Split(allowed, ", "), string(req.Method)):
		return refuse(405)
	}
	if !inDialog {
		if s := req.Recipient.Scheme; s != "sip" && s != "sips" {
			return refuse(416)
		}
		if tx.line = a.lineFor(tx.flow, &req.Recipient); tx.line == nil && !a.cfg.BlockNonproxy {
			tx.line = a.anyLine(tx.flow) // the phone answers anyone, whomever they ask for
		}
		// Section 12.2.2 leaves it to the callee whether an INVITE of a dialog it knows nothing about begins one
		// anew. From our own servers it would be the re-INVITE of a call that has ended, and must not ring.
		unknown := toTag(req) != "" && req.Method != sipmsg.OPTIONS && req.Method != sipmsg.NOTIFY
		switch {
		case unknown && (req.Method != sipmsg.INVITE || a.cfg.BlockNonproxy):
			return refuse(481)
		case tx.line == nil && req.Method != sipmsg.BYE && req.Method != sipmsg.INFO:
			return refuse(404)
		}
	}
	var unsupported []string
	for _, tag := range tokens(req, "Require") {
		if !strings.EqualFold(tag, supported) {
			unsupported = append(unsupported, tag)
		}
	}
	if len(unsupported) > 0 {
		return refuse(420, sipmsg.NewHeader("Unsupported", strings.Join(unsupported, ", ")))
	}
	if req.Method == sipmsg.INVITE {
		if accept := tokens(req, "Accept"); len(accept) > 0 && !acceptsSDP(accept) {
			return refuse(406)
		}
		if len(req.Body()) > 0 && mediaType(req) != sdpType && !optional(req) {
			return refuse(415)
		}
	}
	if coding := value(req, "Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") && len(req.Body()) > 0 {
		resp := a.newResponse(req, 415, tx.tag)
		resp.AppendHeader(sipmsg.NewHeader("Accept-Encoding", "identity"))
		tx.respond(now, resp, nil)
		return false
	}
	return true
}

// acceptsSDP tells whether an Accept list has room for a session description.
func acceptsSDP(list []string) bool {
	for _, t := range list {
		t, _, _ = strings.Cut(t, ";")
		switch strings.ToLower(strings.TrimSpace(t)) {
		case "application/sdp", "application/*", "*/*":
			return true
		}
	}
	return false
}

// optional tells whether a body may be ignored: Content-Disposition, RFC 3261 section 20.11.
func optional(req *sipmsg.Request) bool {
	return strings.Contains(strings.ToLower(value(req, "Content-Disposition")), "handling=optional")
}

// acknowledged takes in an ACK: to a failure it belongs to the INVITE's transaction, to a 2xx to the dialog.
func (a *Agent) acknowledged(now time.Time, f *flow, req *sipmsg.Request) {
	if tx := a.serverTxs[serverKey(req)]; tx != nil && tx.state != txAccepted {
		tx.again(now, f, inAck)
		return
	}
	if c := a.dialogs[dialogKey{req.CallID().Value(), toTag(req)}]; c != nil {
		c.acked(now, req)
	}
}

// canceled takes in a CANCEL. RFC 3261 section 9.2.
func (a *Agent) canceled(now time.Time, f *flow, req *sipmsg.Request) {
	invite := a.serverTxs[serverKey(req)]
	if invite == nil && !a.trusted(f) {
		return
	}
	viaReceived(req.Via(), f.Remote)
	tx := a.serve(now, f, req, invite != nil)
	if tx == nil {
		return
	}
	delete(a.merges, tx.merge)
	if invite == nil {
		tx.answer(now, 481)
		return
	}
	tx.tag = invite.tag
	if invite.call != nil && invite.call.localTag != "" {
		tx.tag = invite.call.localTag
	}
	tx.answer(now, 200)
	if invite.call != nil {
		invite.call.canceled(now, invite, req)
	}
}

// answerOptions says what we can. RFC 3261 section 11.2.
func (a *Agent) answerOptions(now time.Time, tx *serverTx) {
	resp := a.newResponse(tx.req, 200, tx.tag)
	resp.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	resp.AppendHeader(sipmsg.NewHeader("Accept", accepted))
	resp.AppendHeader(sipmsg.NewHeader("Accept-Encoding", "identity"))
	resp.AppendHeader(sipmsg.NewHeader("Accept-Language", "en"))
	resp.AppendHeader(sipmsg.NewHeader("Supported", supported))
	resp.AppendHeader(sipmsg.NewHeader("Allow-Events", events))
	tx.respond(now, resp, nil)
}

// notified takes in a NOTIFY nobody subscribed to: message-summary, and the remote maintenance of reference B.11,
// which may have to prove that it knows the line's password.
func (a *Agent) notified(now time.Time, tx *serverTx) {
	name, params, _ := strings.Cut(value(tx.req, "Event"), ";")
	name = strings.TrimSpace(name)
	maintenance := slices.Contains(maintenanceEvents, strings.ToLower(name))
	if !maintenance && !strings.EqualFold(name, "message-summary") {
		tx.answer(now, 489)
		return
	}
	if maintenance && tx.line.cfg.AuthResyncReboot {
		ln, realm := tx.line, tx.line.leg.domain
		if v := ln.challenger.verify(tx.req, realm, ln.authUser(), ln.cfg.Password, now); v != digestGood {
			resp := a.newResponse(tx.req, 401, tx.tag)
			if err := ln.challenger.challenge(resp, realm, v == digestStale, now, a.random); err != nil {
				ln.logf("NOTIFY %s refused: %v", name, err)
			}
			tx.respond(now, resp, nil)
			return
		}
	}
	tx.answer(now, 200)
	if maintenance {
		tx.line.logf("NOTIFY %s from %s", name, tx.flow.Remote)
	}
	a.emit(Notify{
		Line: tx.line.cfg.Number, Event: strings.ToLower(name), Params: strings.TrimSpace(params),
		Type: mediaType(tx.req), Body: slices.Clone(tx.req.Body()),
	})
}

// maintenanceEvents are those of reference B.11, in lower case.
var maintenanceEvents = []string{
	"check-sync", "resync", "report", "reboot", "restart", "reboot_now", "restart_now", "prt-gen", "xml-service",
}
