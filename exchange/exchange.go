package exchange

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dialtone/sip"
)

// Net is where the sockets of one address come from: *simnet.Host is one, and so is the System of
// sip/transport.
type Net interface {
	ListenPacket(local netip.AddrPort) (net.PacketConn, error)
	Listen(local netip.AddrPort) (net.Listener, error)
}

// Config is what an exchange is made of. Domain, at least one proxy, Net, DNS and Media are needed.
type Config struct {
	Domain  string                // the zone, and the realm of the accounts: "example.test"
	Users   map[string]sip.Secret // accounts by user name
	Proxies []ProxyConfig
	Net     func(netip.Addr) Net
	DNS     netip.AddrPort // where the DNS server listens
	TTL     time.Duration  // of all records, whole seconds; 0: a minute
	Media   netip.Addr     // where the voices of the extensions live
	// Limits of what a registration may ask for; 0: 10 s and an hour. RFC 3261 section 10.3.
	MinExpires, MaxExpires time.Duration
	Challenge              bool         // ask for the password of an account also when it calls (SetChallenge)
	TLS                    *tls.Config  // nil: no TLS
	Random                 io.Reader    // nil: crypto/rand
	Log                    *slog.Logger // nil: silent
}

// ProxyConfig is one proxy. Port 0 has the system choose.
type ProxyConfig struct {
	Name             string // one label of the zone: "a"
	Addr             netip.Addr
	Port             uint16 // of UDP and TCP
	TLSPort          uint16
	TLS              *tls.Config // nil: Config.TLS; where that is nil too there is no TLS
	Priority, Weight uint16      // of its SRV records; Priority 0: 10 for the first, 20 for the next, …
}

// Specification constants, RFC 3261.
const (
	timerT1 = 500 * time.Millisecond
	timerT2 = 4 * time.Second
	timerB  = 64 * timerT1 // a transaction gives up
)

// Implementation constants.
const (
	maxProxies    = 8
	maxUsers      = 10000
	portTries     = 20 // to find one that is free for UDP and TCP
	usualMin      = 10 * time.Second
	usualMax      = time.Hour
	usualTTL      = time.Minute
	priorityStep  = 10
	keySize       = 16
	insideHost    = "inside" // the label of the host name the extensions have in their Via
	maxLabel      = 63       // RFC 1035 section 2.3.4
	maxDomainName = 240
)

// An Exchange is a running network. All methods may be called from any goroutine.
type Exchange struct {
	cfg     Config
	log     *slog.Logger
	key     []byte // proves that a branch or a nonce is ours
	dns     *dnsServer
	running sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	challenge bool
	proxies   []*proxy
	invites   map[string]*invite // by our branch
	answered  map[string]*answer // by transaction
	calls     map[string]*CallStatus
	mail      map[string]Messages // by user
	notices   map[string]*notice  // by branch
	inside    *inside
	lines     lines
	serial    int
}

// New starts an exchange; when it returns, everything listens.
func New(cfg Config) (*Exchange, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	cfg.Domain = strings.ToLower(strings.TrimSuffix(cfg.Domain, "."))
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MinExpires == 0 {
		cfg.MinExpires = usualMin
	}
	if cfg.MaxExpires == 0 {
		cfg.MaxExpires = max(usualMax, cfg.MinExpires)
	}
	if cfg.TTL == 0 {
		cfg.TTL = usualTTL
	}
	x := &Exchange{cfg: cfg, log: cfg.Log, challenge: cfg.Challenge, key: make([]byte, keySize),
		invites: map[string]*invite{}, answered: map[string]*answer{}, calls: map[string]*CallStatus{},
		mail: map[string]Messages{}, notices: map[string]*notice{}}
	if _, err := io.ReadFull(cfg.Random, x.key); err != nil {
		return nil, fmt.Errorf("exchange: making a key: %w", err)
	}
	x.inside = newInside(x)
	x.mu.Lock()
	err := x.open()
	x.mu.Unlock()
	if err != nil {
		x.Close()
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return x, nil
}

// check looks for what New cannot work with.
func (c *Config) check() error {
	switch {
	case c.Domain == "" || len(c.Domain) > maxDomainName:
		return errors.New("a domain is needed")
	case len(c.Proxies) == 0 || len(c.Proxies) > maxProxies:
		return fmt.Errorf("%d proxies: one to %d are possible", len(c.Proxies), maxProxies)
	case c.Net == nil || !c.DNS.IsValid() || !c.Media.IsValid():
		return errors.New("Net, DNS and Media are needed")
	case len(c.Users) > maxUsers:
		return fmt.Errorf("%d users, more than %d", len(c.Users), maxUsers)
	case c.MaxExpires != 0 && c.MaxExpires < c.MinExpires:
		return errors.New("MaxExpires is less than MinExpires")
	}
	seen := map[string]bool{insideHost: true}
	for _, p := range c.Proxies {
		if p.Name == "" || len(p.Name) > maxLabel || strings.ContainsFunc(p.Name, notLabel) || seen[p.Name] {
			return fmt.Errorf("proxy %q: a name of small letters and digits is needed, for each its own", p.Name)
		}
		if !p.Addr.IsValid() {
			return fmt.Errorf("proxy %s has no address", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

func notLabel(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }

// open makes the proxies and the DNS server; x.mu is held.
func (x *Exchange) open() error {
	for i, pc := range x.cfg.Proxies {
		if pc.Priority == 0 {
			pc.Priority = uint16(priorityStep * (i + 1))
		}
		p := &proxy{x: x, index: i, ProxyConfig: pc, mode: Normal, behaviour: behaviour{word: Normal},
			port: pc.Port, tlsPort: pc.TLSPort, locations: map[string][]*binding{}, subscriptions: map[string]*subscription{}}
		if err := p.open(); err != nil {
			return fmt.Errorf("proxy %s: %w", pc.Name, err)
		}
		x.proxies = append(x.proxies, p)
	}
	d, err := newDNS(x)
	if err != nil {
		return fmt.Errorf("DNS: %w", err)
	}
	x.dns = d
	return nil
}

// Close ends everything and waits until it has ended.
func (x *Exchange) Close() {
	x.mu.Lock()
	if !x.closed {
		x.closed = true
		x.inside.close()
		for _, i := range x.invites {
			i.stop()
		}
		for _, p := range x.proxies {
			p.close()
		}
		if x.dns != nil {
			x.dns.close()
		}
		x.lines.close()
	}
	x.mu.Unlock()
	x.running.Wait()
}

// SetMode has a proxy behave otherwise, from now on. It fails where the mode or the proxy is unknown, and
// where the ports of a stopped proxy cannot be opened again; then it stays stopped.
func (x *Exchange) SetMode(proxy string, m Mode) error {
	b, err := m.parse()
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.named(proxy)
	if p == nil {
		return fmt.Errorf("exchange: there is no proxy %q", clip(proxy))
	}
	if x.closed {
		return fmt.Errorf("exchange: %w", net.ErrClosed)
	}
	if p.word == Stop && b.word != Stop {
		if err := p.open(); err != nil {
			return fmt.Errorf("exchange: proxy %s: %w", p.Name, err)
		}
	}
	if b.word == Stop && p.word != Stop {
		p.close()
	}
	p.mode, p.behaviour = m, b
	p.changed()
	x.say("%s is set to %s", p.Name, m)
	return nil
}

// SetDNS has the DNS server behave otherwise, from now on.
func (x *Exchange) SetDNS(m DNSMode) error {
	if err := x.dns.setMode(m); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	x.note("DNS is set to %s", m)
	return nil
}

// SetServers says which proxies the zone names, the preferred first, each with a priority of its own.
// Without names it is as configured.
func (x *Exchange) SetServers(names ...string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, n := range names {
		if x.named(n) == nil || slices.Contains(names[:i], n) {
			return fmt.Errorf("exchange: %q is no proxy, or there twice", clip(n))
		}
	}
	x.dns.setServers(x, names)
	x.say("DNS names %s", x.dns.words())
	return nil
}

// SetTTL gives all records of the zone another lifetime, whole seconds from 0.
func (x *Exchange) SetTTL(d time.Duration) { x.dns.setTTL(d) }

// SetChallenge says whether an account is asked for its password also when it calls.
func (x *Exchange) SetChallenge(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.challenge = on
}

// SetExpires changes the limits of what a registration may ask for, from the next one on.
func (x *Exchange) SetExpires(least, most time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cfg.MinExpires, x.cfg.MaxExpires = least, max(least, most)
}

// DNSAddr is where the DNS server listens.
func (x *Exchange) DNSAddr() netip.AddrPort { return x.dns.addr }

// ProxyAddr is where a proxy listens for "udp", "tcp" or "tls"; not valid if it does not.
func (x *Exchange) ProxyAddr(proxy, transport string) netip.AddrPort {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.named(proxy)
	if p == nil || transport == "tls" && x.cfg.TLS == nil {
		return netip.AddrPort{}
	}
	return p.at(transport)
}

// named finds a proxy; nil: there is none of that name.
func (x *Exchange) named(name string) *proxy {
	for _, p := range x.proxies {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// token draws a random word.
func (x *Exchange) token() string {
	var b [8]byte
	if _, err := io.ReadFull(x.cfg.Random, b[:]); err != nil {
		x.log.Error("drawing a random number", "err", err)
	}
	return hex.EncodeToString(b[:])
}

// number draws a random number.
func (x *Exchange) number() uint32 {
	n, err := strconv.ParseUint(x.token()[:8], 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
