package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dialtone/config"
	"dialtone/phone"
	"dialtone/provisioning"
	"dialtone/sip"
)

// Settings change in three steps: the new ones are worked out in the loop, saved by the keeper, and
// adopted when the keeper reports that they are on the disk. Nothing is applied that a power cut could undo.

// A change is a set of new settings on its way to the disk.
type change struct {
	seq      int
	settings config.Settings
	profile  bool        // it came from a profile
	done     func(error) // answers who asked; nil: nobody waits
}

// changes are the ones not yet saved, oldest first.
type changes struct {
	seq     int
	pending []change
}

// provided is how provisioning went and when it goes on.
type provided struct {
	rule    string // Profile_Rule in force: the -profile flag's, or the parameter
	asked   string // rule of the fetch that is out
	flag    string // -profile
	seq     int    // of the fetch that is out
	running bool
	waiting []byte // a profile that came during a call
	last    time.Time
	result  string // ok, failed
	err     string
	next    time.Time
	tries   int
}

// newest returns the settings as they will be when every pending change is saved.
func (l *loop) newest() config.Settings {
	if n := len(l.changes.pending); n > 0 {
		return l.changes.pending[n-1].settings
	}
	return l.settings
}

// propose hands new settings to the keeper.
func (l *loop) propose(c change) {
	l.changes.seq++
	c.seq = l.changes.seq
	l.changes.pending = append(l.changes.pending, c)
	l.keeper.Save(c.seq, c.settings)
}

// saved adopts a change that is on the disk, or drops one that could not be written.
func (l *loop) saved(now time.Time, in saved) {
	if in.Cause != "" {
		l.unsaved(now, in)
		return
	}
	for len(l.changes.pending) > 0 && l.changes.pending[0].seq <= in.Seq {
		c := l.changes.pending[0]
		l.changes.pending = l.changes.pending[1:]
		l.adoptSettings(now, c.settings)
		if c.profile {
			l.provisioned(now, nil)
		}
		if c.done != nil {
			c.done(nil)
		}
	}
}

// unsaved drops a change that could not be written, with all that were built on it. Those may reach the
// disk yet, so what is left in force is written after them.
func (l *loop) unsaved(now time.Time, in saved) {
	first := slices.IndexFunc(l.changes.pending, func(c change) bool { return c.seq >= in.Seq })
	if first < 0 {
		return
	}
	dropped := slices.Clone(l.changes.pending[first:])
	l.changes.pending = l.changes.pending[:first]
	l.decide(now, "the settings could not be saved, nothing was changed: "+in.Cause)
	for _, c := range dropped {
		if c.profile {
			l.provisioned(now, errors.New(in.Cause))
		}
		if c.done != nil {
			c.done(errors.New(in.Cause))
		}
	}
	if len(dropped) > 1 {
		l.propose(change{settings: l.newest()})
	}
}

// adoptSettings gives new settings to every machine. Lines that did not change are left alone.
func (l *loop) adoptSettings(now time.Time, s config.Settings) {
	sockets, err := l.rebind(s)
	if err != nil {
		l.decide(now, err.Error())
	}
	if rule := s.Provisioning.CustomCARule; rule != l.settings.Provisioning.CustomCARule {
		l.trust(rule)
	}
	l.names(s)
	l.sayPlans(now, s, l.settings)
	l.forgetMessages(l.settings, s)
	l.settings, l.sockets = s, sockets
	l.sip(now, sip.Configure{Config: sipConfig(s, l.addrs, sockets, nil)})
	l.tell(phone.Configure{Config: phoneConfig(s)})
	l.configureVoice(s)
	l.password(s.System.AdminPassword)
	if l.provided.flag == "" {
		l.provided.rule = s.Provisioning.ProfileRule
	}
}

// forgetMessages puts out the lamp of the lines that do not watch the mailbox any more that had messages.
func (l *loop) forgetMessages(old, s config.Settings) {
	for n := range s.Line {
		a, b := &old.Line[n], &s.Line[n]
		watched := func(c *config.Line) bool { return c.VoiceMailEnable && (c.VoiceMailServer != "" || c.MailboxID != "") }
		same := b.LineEnable && a.UserID == b.UserID && a.Proxy == b.Proxy && a.MailboxID == b.MailboxID && a.VoiceMailServer == b.VoiceMailServer
		if _, lit := l.mwi[n+1]; lit && (!same || watched(a) && !watched(b)) {
			delete(l.mwi, n+1)
			l.tell(phone.Messages{Line: n + 1})
		}
	}
}

// configureVoice gives the voice its tones, its reports and its ports; calls that are up keep their ports.
func (l *loop) configureVoice(s config.Settings) {
	low, high := rtpPorts(s)
	if low != s.SIP.RTPPortMin {
		l.log.Warn("fewer than 16 RTP ports are no range, others are used", "from", low, "to", high)
	}
	l.voice.Configure(tonePlan(s), s.SIP.RTCPTxInterval, low, high)
}

// begun plans the first resync. The profile of -profile has been fetched by now; one the settings name is
// fetched after every restart (Resync_On_Reset, reference B.5).
func (l *loop) begun(now time.Time, in begun) {
	p := &l.provided
	if p.flag == "" && in.Profile != "" { // a replay
		p.flag, p.rule = in.Profile, in.Profile
	}
	set := l.settings.Provisioning
	switch {
	case p.flag != "" && in.Cause != "":
		p.asked = p.rule
		l.provisioned(now, errors.New(in.Cause))
	case p.flag != "":
		p.asked = p.rule
		l.provisioned(now, nil)
	case set.ProvisionEnable && set.ResyncOnReset && fetchable(p.rule):
		p.next = now.Add(l.spread(time.Duration(set.ResyncRandomDelay) * resyncDelayUnit))
	}
}

// Specification constants, reference B.5.
const resyncDelayUnit = 20 * time.Second // of Resync_Random_Delay

// spread is a random part of d, so that many phones that start together do not ask together.
func (l *loop) spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(l.session() % uint64(d))
}

// resync fetches the profile: rule "" is Profile_Rule. It tells whether there was anything to fetch.
func (l *loop) resync(rule string) error {
	if rule == "" {
		rule = l.provided.rule
	}
	if !l.settings.Provisioning.ProvisionEnable {
		return errors.New("Provision_Enable forbids it")
	}
	if !fetchable(rule) {
		return fmt.Errorf("the rule %q names no server or file yet", provisioning.Redact(rule))
	}
	if l.provided.running {
		return errors.New("a resync is running")
	}
	l.provided.seq++
	l.provided.running, l.provided.next, l.provided.asked = true, time.Time{}, rule
	l.keeper.Fetch(l.provided.seq, rule)
	return nil
}

// fetchable tells whether a rule can be fetched as it stands. One with macros, as the factory's "/$PSN.xml",
// waits for the rule language and for a server named by DHCP.
func fetchable(rule string) bool {
	return rule != "" && !strings.Contains(rule, "$")
}

// fetched takes a profile that arrived. It is applied while no call is up (reference B.4).
func (l *loop) fetched(now time.Time, in fetched) {
	if in.Seq != l.provided.seq {
		return
	}
	if in.Cause != "" {
		l.provisioned(now, errors.New(in.Cause))
		return
	}
	l.provided.waiting = in.Data
	l.provisionWhenDue(now)
}

// provisionWhenDue applies a waiting profile once the phone is idle, and starts the next resync in time.
func (l *loop) provisionWhenDue(now time.Time) {
	if l.provided.waiting != nil && len(l.calls) == 0 {
		data := l.provided.waiting
		l.provided.waiting = nil
		s, report, err := config.Parse(data, l.newest())
		if err != nil {
			l.provisioned(now, err)
			return
		}
		for _, r := range report.Refused {
			l.decide(now, "the profile's "+r.String())
		}
		if len(report.Applied) == 0 {
			l.provisioned(now, nil)
			return
		}
		l.propose(change{settings: s, profile: true})
	}
	if due(now, l.provided.next) && l.stopping.IsZero() {
		l.provided.next = time.Time{}
		if err := l.resync(""); err != nil {
			l.provided.result, l.provided.err = "failed", err.Error()
		}
	}
}

// provisioned notes how a resync ended and plans the next (reference B.5).
func (l *loop) provisioned(now time.Time, err error) {
	p := &l.provided
	p.running, p.last, p.next = false, now, time.Time{}
	if err == nil {
		p.result, p.err, p.tries = "ok", "", 0
		if d := retryDelay(l.settings.Provisioning.ResyncPeriodic, 0); d > 0 && fetchable(p.rule) {
			p.next = now.Add(d)
		}
		l.decide(now, "the profile is applied")
		return
	}
	p.result, p.err = "failed", err.Error()
	if d := retryDelay(l.settings.Provisioning.ResyncErrorRetryDelay, p.tries); d > 0 && fetchable(p.rule) {
		p.next = now.Add(d)
	}
	p.tries++
	l.decide(now, "the profile could not be applied: "+err.Error())
}

// retryDelay takes the n-th of a list of seconds, "60,120,240", the last one for all that follow. Of
// "n+random" it takes n.
func retryDelay(list string, n int) time.Duration {
	fields := strings.Split(list, ",")
	text, _, _ := strings.Cut(fields[min(n, len(fields)-1)], "+")
	seconds, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// update takes new settings worked out elsewhere in the loop. In a recording stands what is different.
func (l *loop) update(now time.Time, s config.Settings, done func(error)) {
	old := l.newest()
	values := make(map[string]string)
	for _, p := range config.Params() {
		was, _ := old.Get(p.Tag)
		is, _ := s.Get(p.Tag)
		switch {
		case was == is:
		case p.Secret && is != "":
			values[p.Tag] = fmt.Sprintf("%s %d", recordedSecret, l.changes.seq+1)
		default:
			values[p.Tag] = is
		}
	}
	l.note(now, updated{Values: values})
	l.propose(change{settings: s, done: done})
}

// reupdate repeats an update from a recording.
func (l *loop) reupdate(in updated) error {
	s := l.newest()
	for _, tag := range slices.Sorted(maps.Keys(in.Values)) {
		if err := s.Set(tag, in.Values[tag]); err != nil {
			return err
		}
	}
	l.propose(change{settings: s})
	return nil
}

// shown is the rule for the status: that of the fetch that is out or was last, else the one in force.
func (p provided) shown() string {
	if p.asked != "" {
		return p.asked
	}
	return p.rule
}
