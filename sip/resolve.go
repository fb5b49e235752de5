package sip

import (
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxResolutions bounds the look-ups of single URIs. Implementation constant.
const maxResolutions = 64

// A resolver wants to know the servers of a URI.
type resolver interface {
	resolved(now time.Time, servers []Server, cause string)
}

// A resolution finds the servers of one URI that is not a line's own proxy: of a Contact a call was
// redirected to, of a Record-Route written with a host name. RFC 3263.
type resolution struct {
	agendaEntry
	a       *Agent
	locator *Locator
	then    resolver
}

// resolve tells then where requests to a URI go, at once if it names an address.
func (a *Agent) resolve(now time.Time, leg *leg, uri sipmsg.Uri, then resolver) {
	if len(a.resolutions) >= maxResolutions {
		then.resolved(now, nil, "too many look-ups")
		return
	}
	t := uriTransport(&uri)
	if t == "" {
		t = leg.transport(nil)
	}
	proxy := uri.Host
	if uri.Port != 0 {
		proxy = uri.HostPort()
	}
	l, err := NewLocator(LocateConfig{
		Proxy: proxy, Transport: string(t), UseSRV: true, AutoPrefix: true,
		PreferIPv6: leg.ln.cfg.PreferIPv6, Random: a.random,
	})
	if err != nil {
		then.resolved(now, nil, err.Error())
		return
	}
	r := &resolution{a: a, locator: l, then: then}
	a.resolutions = append(a.resolutions, r)
	r.proceed(now, l.Start(now))
}

func (r *resolution) proceed(now time.Time, questions []Question) {
	for _, q := range questions {
		r.a.net(Query{q})
	}
	r.a.agenda.set(r)
	if !r.locator.Done() {
		return
	}
	r.a.resolutions = slices.DeleteFunc(r.a.resolutions, func(o *resolution) bool { return o == r })
	servers, cause := r.locator.Servers(), r.locator.Cause()
	r.locator = nil
	r.a.agenda.set(r)
	r.then.resolved(now, servers, cause)
}

func (r *resolution) due() time.Time {
	if r.locator == nil {
		return time.Time{}
	}
	return r.locator.Next()
}

func (r *resolution) tick(now time.Time) { r.proceed(now, r.locator.Tick(now)) }

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
