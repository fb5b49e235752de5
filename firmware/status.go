package main

import (
	"slices"
	"time"

	"dialtone/media"
	"dialtone/phone"
	"dialtone/provisioning"
	"dialtone/web"
)

// status is the state of the phone at one moment, as the API shows it (design contract).
func (l *loop) status(now time.Time) web.Status {
	s := web.Status{
		Phone: web.PhoneStatus{
			Version: version, Board: l.name, MAC: l.mac, Uptime: web.Seconds(now.Sub(l.start)),
			ClockOK: l.clockOK(now),
		},
		Lines: []web.LineStatus{},
		Calls: []web.CallStatus{},
		Provisioning: web.ProvisioningStatus{
			Last: web.Timestamp(l.provided.last), Result: l.provided.result, Rule: provisioning.Redact(l.provided.shown()),
			Error: l.provided.err, Next: left(now, l.provided.next),
		},
		Handset:  handsetStatus(l.brain.View(), l.brain.Calls(), l.mwi),
		Counters: l.count.list(),
		Picture:  l.frames,
	}
	if l.provided.running {
		s.Provisioning.Result = "running"
	}
	for _, line := range l.agent.Lines() {
		out := web.LineStatus{
			Line: line.Line, User: line.User, Domain: line.Domain, State: line.State, Cause: line.Cause, Active: line.Active,
			MWI: l.mwi[line.Line], Servers: []web.ServerStatus{}, Legs: []web.LegStatus{},
		}
		if sub := line.Subscription; sub.State != "" {
			out.Subscription = &web.SubscriptionStatus{
				State: sub.State, Cause: sub.Cause, Leg: sub.Leg, Server: sub.Server, Expires: left(now, sub.Expires), Refresh: left(now, sub.Refresh),
			}
		}
		if last, ok := l.said[line.Line]; ok {
			out.Event, out.EventS = last.text, ago(now, last.at)
		}
		for _, leg := range line.Legs {
			out.Legs = append(out.Legs, web.LegStatus{
				Leg: leg.Leg, Domain: leg.Domain, State: leg.State, Cause: leg.Cause, Active: leg.Active, InUse: leg.InUse,
				Expires: left(now, leg.Expires), Refresh: left(now, leg.Refresh),
			})
		}
		for _, srv := range line.Servers {
			out.Servers = append(out.Servers, web.ServerStatus{
				Leg: srv.Leg, Name: srv.Name, Transport: string(srv.Transport), Address: srv.Address,
				Priority: int(srv.Priority), Weight: int(srv.Weight), State: srv.State,
				Since: ago(now, srv.Since), Cause: srv.Cause, Registered: srv.Registered,
				Expires: left(now, srv.Expires), InUse: srv.InUse,
				Suspect: srv.Suspect, Heard: heardAgo(now, srv.Heard), RTT: web.Decimal(srv.RTT.Seconds() * 1000),
				Probe: left(now, srv.Probe), Refresh: left(now, srv.Refresh),
			})
		}
		s.Lines = append(s.Lines, out)
	}
	for i, line := range l.settings.Line { // those that are set up but not in service
		if line.UserID != "" && !inService(line) {
			s.Lines = append(s.Lines, web.LineStatus{
				Line: i + 1, User: line.UserID, State: string(phone.LineDisabled), Servers: []web.ServerStatus{}, Legs: []web.LegStatus{},
			})
		}
	}
	slices.SortFunc(s.Lines, func(a, b web.LineStatus) int { return a.Line - b.Line })
	for _, c := range l.brain.Calls() {
		s.Calls = append(s.Calls, l.callStatus(now, c))
	}
	return s
}

// callStatus shows one call, living or just ended.
func (l *loop) callStatus(now time.Time, c phone.Call) web.CallStatus {
	out := web.CallStatus{
		ID: web.CallID(int(c.ID)), Line: c.Line, Direction: "in", State: c.State.String(),
		Peer: c.Peer, PeerName: c.Name, Reason: web.ReasonStatus{Title: c.Why.Title, Hint: c.Why.Hint},
		Sent: c.Sent, Heard: c.Heard, Secure: c.Secure,
	}
	if c.Out {
		out.Direction = "out"
	}
	if !c.Connected.IsZero() {
		end := now
		if c.State == phone.StateEnded {
			end = c.Since
		}
		out.Duration = web.Seconds(end.Sub(c.Connected))
	}
	if live := l.calls[c.ID]; live != nil {
		out.Via = live.via
		if live.agreed {
			out.RTP = rtpStatus(l.voice.Stats(int(c.ID)))
		}
	} else if gone, ok := l.last[c.ID]; ok {
		out.Via, out.RTP = gone.via, rtpStatus(gone.stats)
	}
	return out
}

func rtpStatus(s media.Stats) web.RTPStatus {
	if s.RxPackets == 0 {
		s.MOSLQ = 0 // nothing to judge
	}
	return web.RTPStatus{
		Local: s.Local, Remote: s.Remote, Codec: s.Codec, Ptime: s.PtimeMS, SRTP: s.SRTP, Suite: string(s.Suite),
		TxPackets: s.TxPackets, RxPackets: s.RxPackets, RxLost: s.RxLost, RxLate: s.RxLate, RxForged: s.RxForged,
		Concealed: web.Decimal(s.ConcealedMS), Jitter: web.Decimal(s.JitterMS), Buffer: web.Decimal(s.BufferMS),
		RTT: web.Decimal(s.RTTMS), MOSLQ: web.Decimal(s.MOSLQ),
	}
}

// forgetEnded drops the numbers of calls the brain no longer lists.
func (l *loop) forgetEnded() {
	if len(l.last) == 0 {
		return
	}
	listed := make(map[phone.ID]bool)
	for _, c := range l.brain.Calls() {
		listed[c.ID] = true
	}
	for id := range l.last {
		if !listed[id] {
			delete(l.last, id)
		}
	}
}

// active is the server a line uses, "udp:192.0.2.1:5060", or "".
func (l *loop) active(line int) string {
	for _, s := range l.agent.Lines() {
		if s.Line == line {
			if s.Active != "" {
				return s.Active
			}
			for _, srv := range s.Servers { // not registered yet: the one that will be asked first
				if srv.State != "down" {
					return string(srv.Transport) + ":" + srv.Address
				}
			}
		}
	}
	return ""
}

// clockOK tells whether the wall clock can be trusted: it is not before the build (no RTC, no NTP yet).
func (l *loop) clockOK(now time.Time) bool { return !now.Before(l.built) }

func ago(now, then time.Time) web.Decimal {
	if then.IsZero() {
		return 0
	}
	return web.Seconds(now.Sub(then))
}

// heardAgo is ago, but never 0 for what has happened.
func heardAgo(now, then time.Time) web.Decimal {
	if then.IsZero() {
		return 0
	}
	return max(ago(now, then), 0.001)
}

func left(now, then time.Time) web.Decimal {
	if then.IsZero() || then.Before(now) {
		return 0
	}
	return web.Seconds(then.Sub(now))
}
