package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/provisioning"
	"dialtone/sip"
	"dialtone/sip/transport"
)

// Implementation constants.
const (
	profileTime  = 20 * time.Second // the first fetch of a profile holds up the start this long at most
	caTime       = 10 * time.Second // likewise the custom CA
	passwordSize = 12               // characters of a random admin password, 60 bits
)

// run is the phone: flags → board → settings → sockets → loop.
func run(ctx context.Context, opt options, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: opt.level}))
	b, err := board.Find(opt.board)
	if err != nil {
		return usageError{err}
	}
	dir, err := opt.stateDir()
	if err != nil {
		return err
	}
	store, err := provisioning.Open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	fetch := newFetcher(opt.resolvers)

	first, err := startSettings(ctx, log, opt, store, fetch)
	if err != nil {
		return err
	}
	settings := first.settings
	caCtx, cancel := context.WithTimeout(ctx, caTime)
	roots, err := trustedRoots(caCtx, fetch, settings.Provisioning.CustomCARule, dir)
	cancel()
	if err != nil {
		log.Warn(err.Error())
	}
	fetch.CAs = roots

	answers, err := storedAnswers(store)
	if err != nil {
		log.Warn(err.Error())
	}

	device, handset, err := b.Open(board.OpenOptions{Mic: opt.mic, Speaker: opt.speaker, Log: log})
	if err != nil {
		return err
	}
	defer device.Close()

	addrs := localAddrs(opt.bind)
	var seed [32]byte
	crand.Read(seed[:])
	rec, closeRecord, err := startRecording(opt.record, seed, settings, addrs, b.Name, answers)
	if err != nil {
		return err
	}
	defer closeRecord()

	front := &webFront{
		log: log, board: b, handset: handset, open: opt.open, frames: opt.frames, password: settings.System.AdminPassword,
	}
	var set *phoneSet
	trust := func(rule string) { // only the loop calls it, so set is there
		go func() {
			ctx, cancel := context.WithTimeout(set.ctx, caTime)
			defer cancel()
			roots, err := trustedRoots(ctx, fetch, rule, dir)
			if err != nil {
				log.Warn(err.Error())
			}
			set.net.SetTLS(clientTLS(roots))
		}()
	}
	set, err = assemble(parts{
		log: log, board: b, device: device, net: transport.OS(), listenRTP: listenRTP, resolver: newResolver(opt.resolvers),
		tls: clientTLS(roots), bind: opt.bind, addrs: addrs, route: routeTo(opt.bind), settings: settings,
		answers: answers, profile: opt.profile, random: rand.NewChaCha8(seed), keys: crand.Reader, record: rec, password: front.setPassword, trust: trust,
		keeper: func(ctx context.Context, mail func(any)) keeper { return newDisk(ctx, store, fetch, mail) },
	})
	if err != nil {
		return err
	}
	defer set.close()
	set.built, set.mac = buildTime(), firstMAC()
	if first.password != "" {
		log.Warn("no admin password was set; this one was made up, change it on the web page", "user", "admin", "password", first.password)
		set.banner = []string{"Web password:", first.password}
	}
	set.mail(set.ctx, begun{Profile: provisioning.Redact(opt.profile), Cause: cause(first.profileErr)})
	closeWeb, err := front.serve(opt.webAddr(b), set)
	if err != nil {
		return err
	}
	defer closeWeb()
	go watchAddresses(set.ctx, addrs, func() []netip.Addr { return localAddrs(opt.bind) }, func(in any) { set.mail(set.ctx, in) })
	if len(addrs) == 0 {
		log.Warn("this machine has no network address yet; the phone waits for one")
	}
	log.Info("dialtone runs", "version", version, "board", b.Name, "state", dir, "addresses", addrs)
	return set.run(ctx)
}

// A firstSettings is what a phone starts with.
type firstSettings struct {
	settings   config.Settings
	password   string // the admin password, if it had to be made up
	profileErr error  // why the profile of -profile could not be had; the phone starts without it
}

// startSettings loads the stored settings and applies what the command line brings: a profile and a
// password.
func startSettings(ctx context.Context, log *slog.Logger, opt options, store *provisioning.Store, fetch provisioning.Fetcher) (first firstSettings, err error) {
	settings, origin, err := store.Load()
	if err != nil {
		return first, err
	}
	if origin.Note != "" {
		log.Warn(origin.Note)
	}
	changed := false
	if opt.profile != "" {
		s, report, err := firstProfile(ctx, opt.profile, settings, fetch)
		switch {
		case err == nil:
			settings, changed = s, true
			log.Info("the profile is applied", "rule", provisioning.Redact(opt.profile), "result", report.String())
			for _, r := range report.Refused {
				log.Warn("the profile's " + r.String())
			}
		case isLocal(opt.profile) || origin.From == provisioning.FromDefaults && !isTransient(err):
			return first, err
		default: // a server that is down must not keep a phone from working with what it knows
			first.profileErr = err
			log.Warn("the profile could not be fetched, the phone starts with the settings it has", "err", err)
		}
	}
	switch {
	case opt.password != "":
		if err := settings.Set("Admin_Password", opt.password); err != nil {
			return first, usageError{fmt.Errorf("-admin-password: %w", err)}
		}
		changed = true
	case settings.System.AdminPassword == "":
		first.password = crand.Text()[:passwordSize]
		if err := settings.Set("Admin_Password", first.password); err != nil {
			return first, err
		}
		changed = true
	}
	if changed {
		if err := store.Save(settings); err != nil {
			return first, err
		}
	}
	first.settings = settings
	return first, nil
}

// firstProfile fetches and applies the profile of the command line before the first registration.
func firstProfile(ctx context.Context, rule string, base config.Settings, fetch provisioning.Fetcher) (config.Settings, config.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, profileTime)
	defer cancel()
	data, err := fetch.Fetch(ctx, rule)
	if err != nil {
		return base, config.Report{}, transient{err}
	}
	s, report, err := config.Parse(data, base)
	if err != nil {
		return base, report, fmt.Errorf("profile %s: %w", provisioning.Redact(rule), err)
	}
	return s, report, nil
}

// A transient error may go away by itself: a server that does not answer.
type transient struct{ error }

func (t transient) Unwrap() error { return t.error }

func isTransient(err error) bool {
	var t transient
	return errors.As(err, &t)
}

// isLocal tells whether a rule names a file of this machine.
func isLocal(rule string) bool {
	scheme, _, found := strings.Cut(rule, "://")
	return !found || strings.EqualFold(scheme, "file")
}

// startRecording opens the file of -record; without one, everything it returns does nothing.
func startRecording(file string, seed [32]byte, s config.Settings, addrs []netip.Addr, board string, answers []sip.Answer) (*recorder, func(), error) {
	if file == "" {
		return nil, func() {}, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("recording: %w", err)
	}
	h := newHeader(seed, s, addrs, board)
	h.DNS = answers
	rec, err := newRecorder(f, h)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("recording: %w", err)
	}
	return rec, func() { f.Close() }, nil
}

// newResolver asks the servers given, or those of /etc/resolv.conf.
func newResolver(servers []netip.AddrPort) *transport.Resolver {
	if len(servers) == 0 {
		return transport.FollowResolvConf("/etc/resolv.conf", transport.OS())
	}
	return transport.NewResolver(servers, transport.OS())
}

// newFetcher fetches profiles, finding their servers through the resolvers given, if any.
func newFetcher(servers []netip.AddrPort) provisioning.Fetcher {
	f := provisioning.Fetcher{UserAgent: "dialtone/" + version}
	if len(servers) > 0 {
		var next atomic.Uint32
		f.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			at := servers[int(next.Add(1)-1)%len(servers)]
			return (&net.Dialer{}).DialContext(ctx, network, at.String())
		}}
	}
	return f
}

// listenRTP opens one socket for voice.
func listenRTP(at netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
}

// routeTo tells which of our addresses a server sees: the bound one, or what the kernel's routes say.
func routeTo(bind netip.Addr) func(netip.Addr) netip.Addr {
	return func(remote netip.Addr) netip.Addr {
		if bind.IsValid() && !bind.IsUnspecified() {
			return bind
		}
		return routeSource(remote.String())
	}
}

// firstMAC is the hardware address of the first interface that has one.
func firstMAC() string {
	all, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range all {
		if len(i.HardwareAddr) == 6 && i.Flags&net.FlagLoopback == 0 {
			return i.HardwareAddr.String()
		}
	}
	return ""
}
