package sip

import (
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Implementation constants.
const (
	maxResolutions = 64             // look-ups of single URIs, those that are over included
	keepResolution = 24 * time.Hour // since somebody asked last
)

// A resolver wants to know the servers of a URI.
type resolver interface {
	resolved(now time.Time, servers []Server, cause string)
}

// A resolution finds the servers of one URI that is not a line's own proxy: of a Contact a call was
// redirected to, of a Record-Route written with a host name. RFC 3263. What was found is kept and looked up
// anew as it expires, so that who asks again does not wait.
type resolution struct {
	agendaEntry
	a       *Agent
	key     resolutionKey
	locator *Locator
	then    []resolver // who waits for the first result; none: it has been told
	askedAt time.Time
}

type resolutionKey struct {
	proxy     string
	transport Transport
	families  [3]bool // PreferIPv6, NoIPv4, NoIPv6
}

// resolve tells then where requests to a URI go, at once if it names an address or was looked up before.
func (a *Agent) resolve(now time.Time, leg *leg, uri sipmsg.Uri, then resolver) {
	t := uriTransport(&uri)
	if t == "" {
		t = leg.transport(nil)
	}
	proxy := uri.Host
	if uri.Port != 0 {
		proxy = uri.HostPort()
	}
	key := resolutionKey{strings.ToLower(proxy), t, [3]bool{leg.ln.cfg.PreferIPv6, leg.ln.cfg.NoIPv4, leg.ln.cfg.NoIPv6}}
	if i := slices.IndexFunc(a.resolutions, func(r *resolution) bool { return r.key == key }); i >= 0 {
		r := a.resolutions[i]
		r.askedAt = now
		if r.then != nil {
			r.then = append(r.then, then)
		} else {
			then.resolved(now, r.locator.Servers(), r.locator.Cause())
		}
		return
	}
	if !a.roomForResolution() {
		then.resolved(now, nil, "too many look-ups")
		return
	}
	l, err := NewLocator(LocateConfig{
		Proxy: proxy, Transport: string(t), UseSRV: true, AutoPrefix: true,
		PreferIPv6: leg.ln.cfg.PreferIPv6, NoIPv4: leg.ln.cfg.NoIPv4, NoIPv6: leg.ln.cfg.NoIPv6, Random: a.random,
	})
	if err != nil {
		then.resolved(now, nil, err.Error())
		return
	}
	r := &resolution{a: a, key: key, locator: l, then: []resolver{then}, askedAt: now}
	a.resolutions = append(a.resolutions, r)
	r.proceed(now, l.Start(now))
}

// roomForResolution forgets the one that was asked for longest ago if there are too many; false: all of
// them are awaited.
func (a *Agent) roomForResolution() bool {
	if len(a.resolutions) < maxResolutions {
		return true
	}
	var oldest *resolution
	for _, r := range a.resolutions {
		if r.then == nil && (oldest == nil || r.askedAt.Before(oldest.askedAt)) {
			oldest = r
		}
	}
	if oldest != nil {
		oldest.forget()
	}
	return oldest != nil
}

func (r *resolution) forget() {
	r.a.resolutions = slices.DeleteFunc(r.a.resolutions, func(o *resolution) bool { return o == r })
	r.locator = nil
	r.a.agenda.set(r)
}

func (r *resolution) proceed(now time.Time, questions []Question) {
	r.a.query(questions)
	if then := r.then; then != nil && r.locator.Done() {
		servers, cause := r.locator.Servers(), r.locator.Cause()
		if r.then = nil; len(servers) == 0 || r.locator.Next().IsZero() {
			r.forget() // the next one may have better luck, or nothing had to be asked
		}
		for _, t := range then {
			t.resolved(now, servers, cause)
		}
	}
	r.a.agenda.set(r)
}

func (r *resolution) due() time.Time {
	if r.locator == nil {
		return time.Time{}
	}
	return r.locator.Next()
}

func (r *resolution) tick(now time.Time) {
	if r.then == nil && now.Sub(r.askedAt) >= keepResolution {
		r.forget()
		return
	}
	r.proceed(now, r.locator.Tick(now))
}

// uriTransport is the transport a URI asks for; empty: none.
func uriTransport(uri *sipmsg.Uri) Transport {
	t, _ := uri.UriParams.Get("transport")
	switch strings.ToLower(t) {
	case "tls":
		return TLS
	case "tcp":
		if uri.Scheme == "sips" {
			return TLS
		}
		return TCP
	case "udp":
		return UDP
	}
	if uri.Scheme == "sips" {
		return TLS
	}
	return ""
}
