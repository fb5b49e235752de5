package main

import (
	"context"

	"dialtone/config"
	"dialtone/provisioning"
	"dialtone/sip"
)

// A disk is the keeper of a running phone: one goroutine writes settings in the order they come, and what
// is to be remembered of the DNS; each fetch runs in its own.
type disk struct {
	ctx   context.Context
	store *provisioning.Store
	fetch provisioning.Fetcher
	mail  func(any)
	saves chan save
	dns   chan []sip.Answer // the latest only
}

type save struct {
	seq      int
	settings config.Settings
}

// Implementation constants.
const saveQueue = 64 // changes waiting for the disk; more at once are refused

func newDisk(ctx context.Context, store *provisioning.Store, fetch provisioning.Fetcher, mail func(any)) *disk {
	d := &disk{ctx: ctx, store: store, fetch: fetch, mail: mail, saves: make(chan save, saveQueue), dns: make(chan []sip.Answer, 1)}
	go d.run()
	return d
}

func (d *disk) run() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case s := <-d.saves:
			d.mail(saved{Seq: s.seq, Cause: cause(d.store.Save(s.settings))})
		case answers := <-d.dns:
			if err := d.store.SaveValue(answersValue, []byte(answersText(answers))); err != nil {
				d.mail(unremembered{Cause: err.Error()})
			}
		}
	}
}

// Remember queues what the DNS said for the disk, instead of what may still wait there. It never waits;
// only a failure is reported. Only the loop calls it.
func (d *disk) Remember(answers []sip.Answer) {
	select {
	case <-d.dns:
	default:
	}
	d.dns <- answers
}

// Save queues settings for the disk. It never waits; the outcome comes by mail.
func (d *disk) Save(seq int, s config.Settings) {
	select {
	case d.saves <- save{seq, s}:
	default:
		go d.mail(saved{Seq: seq, Cause: "too many changes at once"})
	}
}

// Fetch fetches a profile. It never waits; the outcome comes by mail.
func (d *disk) Fetch(seq int, rule string) {
	go func() {
		data, err := d.fetch.Fetch(d.ctx, rule)
		d.mail(fetched{Seq: seq, Rule: rule, Data: data, Cause: cause(err)})
	}()
}

// cause is an error's text, "" for none: errors do not cross the loop, what they say does.
func cause(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
