package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"dialtone/board"
	"dialtone/config"
	"dialtone/hal"
	"dialtone/keypad"
	"dialtone/media"
	"dialtone/media/echo"
	"dialtone/phone"
	"dialtone/sip"
	"dialtone/sip/transport"
	"dialtone/web"
)

// parts is everything a phone is put together from. Tests give simulated ones.
type parts struct {
	log       *slog.Logger
	board     board.Board
	device    hal.Device
	net       transport.Net
	listenRTP func(netip.AddrPort) (net.PacketConn, error)
	resolver  *transport.Resolver
	tls       *tls.Config
	bind      netip.Addr   // zero: every address
	addrs     []netip.Addr // of this machine
	route     func(remote netip.Addr) netip.Addr
	settings  config.Settings
	answers   []sip.Answer // what the DNS said in an earlier run
	profile   string       // -profile
	random    io.Reader
	keys      io.Reader // of randomness for the keys of voice, which a recording must not betray
	record    *recorder
	keeper    func(ctx context.Context, mail func(any)) keeper
	password  func(config.Secret) // is told the admin password in force
	trust     func(rule string)   // fetches the custom CAs anew; nil: they stay
}

// A phoneSet is an assembled phone: its loop and the drivers that must be closed after it.
type phoneSet struct {
	*loop
	net   *transport.Transport
	voice *media.Engine
	stop  context.CancelFunc
	ctx   context.Context
}

// assemble wires a phone. Nothing runs yet but the drivers' readers, which wait for the loop.
func assemble(p parts) (*phoneSet, error) {
	ctx, stop := context.WithCancel(context.Background())
	l := newLoop(p)
	mail := func(in any) { l.mail(ctx, in) }
	set := &phoneSet{loop: l, ctx: ctx, stop: stop}
	set.net = transport.New(transport.Config{
		Net: p.net, TLS: p.tls, Resolver: p.resolver, Log: p.log,
		Deliver: func(in sip.Input) { mail(in) },
	})
	l.wire = set.net
	open := &sockets{net: set.net, bind: p.bind}
	l.bind = open.follow
	var err error
	if l.sockets, err = l.rebind(p.settings); err != nil {
		stop()
		set.net.Close()
		return nil, err
	}
	low, high := rtpPorts(p.settings)
	set.voice = media.New(media.Config{
		Sound: p.device.Sound, ListenPacket: p.listenRTP,
		PortMin: low, PortMax: high,
		Tones: tonePlan(p.settings), RTCPInterval: p.settings.SIP.RTCPTxInterval,
		Notify: func(ev media.Event) { mail(ev) }, Log: p.log,
		EchoCanceller: echo.New(8000), // the rate of a Sound that can be used
	})
	l.voice = set.voice
	l.names = func(s config.Settings) { p.resolver.Use(nameServers(s)) }
	l.names(p.settings)
	l.keeper = p.keeper(ctx, mail)
	paint := newPainter(ctx, p.device.Screen, p.log)
	l.draw = paint.draw
	l.machines(p.random, p.keys)
	go readKeys(p.device.Keys, mail, p.log)
	return set, nil
}

// run runs the loop. When it has ended nobody waits for it any more: the web's requests under way would
// hold up the stop.
func (s *phoneSet) run(ctx context.Context) error {
	defer s.stop()
	return s.loop.run(ctx)
}

// close ends the drivers, after the loop has ended.
func (s *phoneSet) close() {
	s.loop.close()
	s.stop()
	s.voice.Close()
	s.net.Close()
}

// newLoop returns a loop without drivers; assemble and replay give it theirs.
func newLoop(p parts) *loop {
	l := &loop{
		log: p.log, name: p.board.Name, rows: p.board.Rows, cols: p.board.Cols, width: p.board.Width, height: p.board.Height,
		inbox: make(chan any, inboxSize), record: p.record,
		route: p.route, settings: p.settings, addrs: p.addrs, publish: void{}, password: p.password, trust: p.trust, start: time.Now(),
		calls: make(map[phone.ID]*conversation), last: make(map[phone.ID]farewell), mwi: make(map[int]web.MWI), said: make(map[int]saying),
	}
	if l.names == nil {
		l.names = func(config.Settings) {}
	}
	if l.trust == nil {
		l.trust = func(string) {}
	}
	l.memory.first = p.answers
	l.provided.flag, l.provided.rule = p.profile, p.profile
	if p.profile == "" {
		l.provided.rule = p.settings.Provisioning.ProfileRule
	}
	return l
}

// machines makes the machines, from the settings and the sockets the loop has by now.
func (l *loop) machines(random, keys io.Reader) {
	l.random, l.keyring = random, keys
	l.keys = &keypad.Debouncer{}
	l.brain = phone.New(phoneConfig(l.settings))
	l.agent = sip.New(sipConfig(l.settings, l.addrs, l.sockets, random))
	l.voice.SetVolume(l.brain.View().Volume)
	if len(l.addrs) == 0 {
		l.tell(phone.Network{Up: false})
	}
}

// session draws a session identifier for SDP (RFC 4566 section 5.2).
func (l *loop) session() uint64 {
	var b [8]byte
	if _, err := io.ReadFull(l.random, b[:]); err != nil {
		panic("firmware: the source of randomness ended: " + err.Error())
	}
	return binary.BigEndian.Uint64(b[:]) >> 2 // some peers read it as signed
}

// rebind, reserve and localAddr ask a driver for something that is had at once. What it said is
// recorded, so that a replay hears the same.

func (l *loop) rebind(s config.Settings) ([8]netip.AddrPort, error) {
	at, err := l.bind(s)
	l.note(l.now, bound{Sockets: at, Cause: cause(err)})
	return at, err
}

func (l *loop) reserve(id int, ip netip.Addr) (uint16, error) {
	port, err := l.voice.Reserve(id, ip)
	l.note(l.now, reserved{Port: port, Cause: cause(err)})
	return port, err
}

// localAddr returns the address of ours that the server of a line sees; invalid without a network.
func (l *loop) localAddr(line int) netip.Addr {
	var local netip.Addr
	if remote, err := activeAddr(l.active(line)); err == nil {
		local = l.route(remote.Addr())
		l.note(l.now, routed{Local: local})
	}
	if !local.IsValid() && len(l.addrs) > 0 {
		local = l.addrs[0]
	}
	return local
}

// activeAddr takes "udp:192.0.2.1:5060" apart.
func activeAddr(active string) (netip.AddrPort, error) {
	for i := range len(active) {
		if active[i] == ':' {
			return netip.ParseAddrPort(active[i+1:])
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no server in use")
}

// readKeys mails every contact until the keys are closed.
func readKeys(keys hal.Keys, mail func(any), log *slog.Logger) {
	for {
		c, err := keys.ReadContact()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				log.Error("the keys cannot be read any more", "err", err)
			}
			return
		}
		mail(c)
	}
}

// A painter draws the latest frame on a screen that may be slow; frames that were overtaken are skipped.
type painter struct{ latest chan hal.Frame }

func newPainter(ctx context.Context, screen hal.Screen, log *slog.Logger) *painter {
	p := &painter{latest: make(chan hal.Frame, 1)}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case f := <-p.latest:
				if err := screen.Draw(f); err != nil {
					log.Error("drawing the screen", "err", err)
				}
			}
		}
	}()
	return p
}

// draw never waits. Only the loop calls it.
func (p *painter) draw(f hal.Frame) {
	select {
	case <-p.latest:
	default:
	}
	p.latest <- f
}
