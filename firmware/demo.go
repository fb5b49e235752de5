package main

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/exchange"
	"dialtone/provisioning"
	"dialtone/sip"
	"dialtone/sip/transport"
	"dialtone/web"
)

// The demonstration: a whole small telephone network in one process. Two handsets in the browser, two
// proxies, a name server and somebody to call, all on loopback.

// Implementation constants.
const (
	demoPort    = 8080
	demoDomain  = "example.test"
	demoExpires = 20 * time.Second // of registrations: what breaks is noticed while somebody looks
	demoTTL     = 10 * time.Second // of DNS records
	demoTries   = 32               // ports tried for SIP
	demoBlocks  = 16               // blocks of addresses tried: so many demonstrations run side by side
	sipPort     = 5060
)

// A demoOptions is what `dialtone demo` was asked for.
type demoOptions struct {
	port     int
	given    bool // the port was
	password string
	level    slog.Level
	help     bool
}

func parseDemoOptions(args []string, stdout io.Writer) (opt demoOptions, err error) {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	var said bytes.Buffer
	var level string
	fs.SetOutput(&said)
	fs.IntVar(&opt.port, "port", demoPort, "port `N` of the control page; the handsets are at N+1 and N+2")
	fs.StringVar(&opt.password, "admin-password", "", "`TEXT` for the handsets' settings (default: one made up)")
	fs.StringVar(&level, "log", "error", "log `LEVEL`: debug, info, warn, error")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			opt.help = true
			_, err = said.WriteTo(stdout)
			return opt, err
		}
		return opt, usageError{err}
	}
	fs.Visit(func(f *flag.Flag) { opt.given = opt.given || f.Name == "port" })
	switch {
	case fs.NArg() > 0:
		return opt, usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	case opt.port < 0 || opt.port > 65533:
		return opt, usageError{fmt.Errorf("-port %d: 0 to 65533 is possible, for three ports in a row", opt.port)}
	}
	if err := opt.level.UnmarshalText([]byte(level)); err != nil {
		return opt, usageError{fmt.Errorf("-log %s: want debug, info, warn or error", level)}
	}
	return opt, nil
}

// A demoSetup is one handset of the demonstration.
type demoSetup struct {
	user, name, board, transport string
}

// demoSetups are the handsets: a large screen and a small one, one line by UDP and one by TCP.
var demoSetups = []demoSetup{
	{"1001", "Ann", "sim-320x240", "UDP"},
	{"1002", "Bob", "sim", "TCP"},
}

// A demoNetwork is where the parts of the demonstration live: loopback addresses of their own where the
// system has them (Linux), else all at one. No other demonstration uses them until it is closed.
type demoNetwork struct {
	proxies, handsets []netip.Addr
	names, voices     netip.Addr
	claim             io.Closer // shows others that the block is taken
}

func newDemoNetwork() demoNetwork {
	for block := range byte(demoBlocks) {
		at := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, block, last}) }
		claim, err := net.Listen("tcp4", netip.AddrPortFrom(at(10), sipPort).String())
		if err == nil {
			return demoNetwork{
				proxies: []netip.Addr{at(11), at(12)}, handsets: []netip.Addr{at(21), at(22)}, names: at(53), voices: at(30), claim: claim,
			}
		}
	}
	return oneAddress()
}

// sharedAddr is what every system has.
var sharedAddr = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// oneAddress is the network of a system that has 127.0.0.1 alone; its parts differ by their ports.
func oneAddress() demoNetwork {
	one := sharedAddr
	return demoNetwork{proxies: []netip.Addr{one, one}, handsets: []netip.Addr{one, one}, names: one, voices: one, claim: io.NopCloser(nil)}
}

// proxyConfigs are the proxies. The first at an address has the usual port if it is free; the exchange finds
// one for each that shares an address.
func (n demoNetwork) proxyConfigs() ([]exchange.ProxyConfig, error) {
	proxies := []exchange.ProxyConfig{{Name: "a"}, {Name: "b"}}
	for i := range proxies {
		proxies[i].Addr = n.proxies[i]
		if slices.Contains(n.proxies[:i], n.proxies[i]) {
			continue
		}
		port, err := freePort(n.proxies[i])
		if err != nil {
			return nil, err
		}
		proxies[i].Port = port
	}
	return proxies, nil
}

// demo runs the demonstration until ctx ends.
func demo(ctx context.Context, opt demoOptions, stdout, stderr io.Writer) error {
	at := newDemoNetwork()
	defer at.claim.Close()
	return demoAt(ctx, at, opt, stdout, stderr)
}

// demoAt runs the demonstration at these addresses.
func demoAt(ctx context.Context, at demoNetwork, opt demoOptions, stdout, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: opt.level}))
	doors, err := openDoors(opt)
	if err != nil {
		return err
	}
	defer doors.close()
	password := opt.password
	if password == "" {
		password = crand.Text()[:passwordSize]
	}
	ca, err := exchange.NewTestCA(demoDomain)
	if err != nil {
		return fmt.Errorf("making a certificate for the proxies: %w", err)
	}
	users := make(map[string]sip.Secret)
	for _, s := range demoSetups {
		users[s.user] = sip.Secret(crand.Text())
	}
	proxies, err := at.proxyConfigs()
	if err != nil {
		return err
	}
	x, err := exchange.New(exchange.Config{
		Domain: demoDomain, Users: users, TTL: demoTTL, MinExpires: 5 * time.Second, MaxExpires: demoExpires,
		Proxies: proxies, Net: func(netip.Addr) exchange.Net { return transport.OS() },
		DNS: netip.AddrPortFrom(at.names, 0), Media: at.voices, TLS: ca.Server(), Log: log,
	})
	if err != nil {
		return err
	}
	defer x.Close()
	state, err := os.MkdirTemp("", "dialtone-demo-")
	if err != nil {
		return fmt.Errorf("making a place for settings: %w", err)
	}
	defer os.RemoveAll(state)

	hub := newDemoHub(x, doors)
	defer hub.listen()()
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, s := range demoSetups {
		p := demoPhone{
			demoSetup: s, ln: doors.handsets[i], addr: at.handsets[i], state: filepath.Join(state, s.user), password: password,
			secret: users[s.user], resolver: x.DNSAddr(), tls: &tls.Config{RootCAs: ca.Roots()}, frame: doors.origin(), log: log.With("handset", s.user), hub: hub,
		}
		run, err := p.start()
		if err != nil {
			return fmt.Errorf("handset %s: %w", s.user, err)
		}
		running.Go(func() {
			if err := run(ctx); err != nil {
				log.Error("a handset ended", "handset", s.user, "err", err)
			}
		})
	}
	closePage := hub.serve(doors.control)
	defer closePage()
	fmt.Fprintf(stdout, `A small telephone network runs in this process. Open

	%s/	both handsets, the network's switches, what was decided
	%s/	handset 1001
	%s/	handset 1002
	%s/settings	settings of 1001: user admin, password %s

Lift the handset, dial 600 and hear yourself; 601 plays a melody; 1001 and 1002 call each other.
Then stop proxy a, and watch the call go on. Ctrl-C ends all of it.
`, doors.origin(), doors.url(0), doors.url(1), doors.url(0), password)
	<-ctx.Done()
	return nil
}

// demoDoors are the web addresses of the demonstration, open before anything else is done.
type demoDoors struct {
	control  net.Listener
	handsets []net.Listener
}

// openDoors opens the control page's port and one for each handset: the following ones if they are free.
func openDoors(opt demoOptions) (d demoDoors, err error) {
	port := opt.port
	d.control, err = net.Listen("tcp", loopback(port))
	if err != nil && !opt.given {
		port = 0 // somebody has the usual one
		d.control, err = net.Listen("tcp", loopback(0))
	}
	if err != nil {
		return d, fmt.Errorf("opening the control page at %s: %w (choose another with -port)", loopback(opt.port), rootCause(err))
	}
	for i := range demoSetups {
		next := 0
		if port != 0 {
			next = port + 1 + i
		}
		ln, err := net.Listen("tcp", loopback(next))
		if err != nil {
			ln, err = net.Listen("tcp", loopback(0))
		}
		if err != nil {
			d.close()
			return d, fmt.Errorf("opening a handset's page: %w", rootCause(err))
		}
		d.handsets = append(d.handsets, ln)
	}
	return d, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (d demoDoors) origin() string   { return "http://" + d.control.Addr().String() }
func (d demoDoors) url(i int) string { return "http://" + d.handsets[i].Addr().String() }

func (d demoDoors) close() {
	if d.control != nil {
		d.control.Close()
	}
	for _, ln := range d.handsets {
		ln.Close()
	}
}

// A demoPhone is one handset about to be started.
type demoPhone struct {
	demoSetup
	ln       net.Listener
	addr     netip.Addr
	state    string
	password string
	secret   sip.Secret
	resolver netip.AddrPort
	tls      *tls.Config
	frame    string // origin of the control page, which shows the handset in a frame
	log      *slog.Logger
	hub      *demoHub
}

// settings are what the handset would be provisioned with.
func (p demoPhone) settings(port uint16) (config.Settings, error) {
	s := config.Default()
	for _, kv := range [][2]string{
		{"User_ID_1_", p.user}, {"Password_1_", string(p.secret)}, {"Display_Name_1_", p.name}, {"Proxy_1_", demoDomain},
		{"SIP_Transport_1_", p.transport}, {"SIP_Port_1_", strconv.Itoa(int(port))}, {"Admin_Password", p.password},
		{"Register_Expires_1_", strconv.Itoa(int(demoExpires.Seconds()))}, {"Proxy_Fallback_Intvl_1_", "5"},
		{"Reg_Retry_Intvl", "5"}, {"Short_Name_1_", "$USER " + p.name},
	} {
		if err := s.Set(kv[0], kv[1]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// start wires the handset and opens its page. What it returns runs the phone until its context ends.
func (p demoPhone) start() (func(context.Context) error, error) {
	b, err := board.Find(p.board)
	if err != nil {
		return nil, err
	}
	device, handset, err := b.Open(board.OpenOptions{Log: p.log})
	if err != nil {
		return nil, err
	}
	store, err := provisioning.Open(p.state)
	if err != nil {
		device.Close()
		return nil, err
	}
	port, err := freePort(p.addr)
	if err != nil {
		device.Close()
		store.Close()
		return nil, err
	}
	settings, err := p.settings(port)
	if err == nil {
		err = store.Save(settings)
	}
	if err != nil {
		device.Close()
		store.Close()
		return nil, err
	}
	var seed [32]byte
	crand.Read(seed[:])
	front := &webFront{log: p.log, board: b, handset: handset, open: true, frames: []string{p.frame}, password: settings.System.AdminPassword}
	fetch := newFetcher([]netip.AddrPort{p.resolver})
	set, err := assemble(parts{
		log: p.log, board: b, device: device, net: transport.OS(), listenRTP: listenRTP,
		resolver: transport.NewResolver([]netip.AddrPort{p.resolver}, transport.OS()), tls: p.tls, bind: p.addr,
		addrs: []netip.Addr{p.addr}, route: func(netip.Addr) netip.Addr { return p.addr }, settings: settings,
		random: rand.NewChaCha8(seed), keys: crand.Reader, password: front.setPassword,
		keeper: func(ctx context.Context, mail func(any)) keeper { return newDisk(ctx, store, fetch, mail) },
	})
	if err != nil {
		device.Close()
		store.Close()
		return nil, err
	}
	set.built, set.mac = buildTime(), "02:00:00:00:"+p.user[:2]+":"+p.user[2:]
	closeWeb := front.serveOn(p.ln, set)
	set.publish = p.hub.join(p.user, asker{loop: set.loop, life: set.ctx}, set.publish)
	return func(ctx context.Context) error {
		defer store.Close()
		defer device.Close()
		defer set.close()
		defer closeWeb()
		return set.run(ctx)
	}, nil
}

// freePort finds a port that is free for SIP, by UDP and TCP: the usual one if it is, but not at the address
// that all share, where a stopped proxy's port might be taken by somebody else's telephone.
func freePort(addr netip.Addr) (uint16, error) {
	var last error
	for try := range demoTries {
		want := netip.AddrPortFrom(addr, 0)
		usual := try == 0 && addr != sharedAddr
		if usual {
			want = netip.AddrPortFrom(addr, sipPort)
		}
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(want))
		if err != nil && usual {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("finding a port for SIP: %w", rootCause(err))
		}
		at := c.LocalAddr().(*net.UDPAddr).AddrPort()
		ln, err := net.Listen("tcp", at.String())
		c.Close()
		if err == nil {
			ln.Close()
			return at.Port(), nil
		}
		last = err
	}
	return 0, fmt.Errorf("finding a port for SIP: %w", rootCause(last))
}

// demoStatus is what the control page shows of a handset.
func demoStatus(user string, s web.Status) demoLine {
	d := demoLine{User: user, State: "starting", Servers: []web.ServerStatus{}, Calls: []demoCall{}}
	for _, l := range s.Lines {
		if l.Line == 1 {
			d.State, d.Active, d.Cause, d.Servers = l.State, l.Active, l.Cause, l.Servers
		}
	}
	for i := range d.Servers {
		d.Servers[i].Since, d.Servers[i].Expires = 0, 0 // they run with time alone
	}
	for _, c := range s.Calls {
		if !strings.EqualFold(c.State, "ended") {
			d.Calls = append(d.Calls, demoCall{State: c.State, Peer: c.Peer, Via: c.Via})
		}
	}
	return d
}
