package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dialtone/provisioning"
)

// options are the flags of `dialtone run`, checked.
type options struct {
	board     string
	state     string
	profile   string
	web       string // "" by board, "off"
	password  string
	resolvers []netip.AddrPort // none: /etc/resolv.conf
	bind      netip.Addr       // zero: all addresses
	mic       string
	speaker   string
	level     slog.Level
	record    string
	replay    string
	help      bool

	open   bool     // no flag, a demonstration sets it: the handset's page needs no login (web.Config.Open)
	frames []string // likewise: pages that show it in a frame
}

// parseOptions reads flags, then the environment (DIALTONE_ADMIN_PASSWORD for -admin-password) for
// those that were not given. Errors are usageErrors and fit one line.
func parseOptions(args []string, env func(string) string, stdout io.Writer) (opt options, err error) {
	var (
		fs       = flag.NewFlagSet("run", flag.ContinueOnError)
		said     bytes.Buffer
		resolver string
		bind     string
		level    string
	)
	fs.SetOutput(&said)
	fs.StringVar(&opt.board, "board", "", "`NAME` of a built-in board or FILE.toml (default: the detected Pi board, else sim)")
	fs.StringVar(&opt.state, "state", "", "`DIR` for settings and history (default: /perm/dialtone if writable, else the user's config dir)")
	fs.StringVar(&opt.profile, "profile", "", "`URL` or file of a profile, applied before the first registration (http, https, tftp, path)")
	fs.StringVar(&opt.web, "web", "", "`ADDR` of the web page and API, or off (default :80 on a device, 127.0.0.1:8080 on sim)")
	fs.StringVar(&opt.password, "admin-password", "", "set the admin password to `TEXT`")
	fs.StringVar(&resolver, "resolver", "", "DNS servers `IP:PORT[,...]` (default: /etc/resolv.conf)")
	fs.StringVar(&bind, "bind", "", "local `IP` for SIP and RTP (default: all)")
	fs.StringVar(&opt.mic, "mic", "", "sim board: `FILE.wav` the microphone hears, looped")
	fs.StringVar(&opt.speaker, "speaker", "", "sim board: `FILE.wav` of what the earpiece played")
	fs.StringVar(&level, "log", "info", "log `LEVEL`: debug, info, warn, error")
	fs.StringVar(&opt.record, "record", "", "write the loop's inputs to `FILE`")
	fs.StringVar(&opt.replay, "replay", "", "run the loop over the inputs in `FILE` and print what it decides")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			opt.help = true
			_, err = said.WriteTo(stdout)
			return opt, err
		}
		return opt, usageError{err}
	}
	if fs.NArg() > 0 {
		return opt, usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	fs.VisitAll(func(f *flag.Flag) {
		name := "DIALTONE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v := env(name); v != "" && !given[f.Name] && err == nil {
			if e := f.Value.Set(v); e != nil {
				err = usageError{fmt.Errorf("%s: %w", name, e)}
			}
		}
	})
	if err != nil {
		return opt, err
	}
	if err := opt.level.UnmarshalText([]byte(level)); err != nil {
		return opt, usageError{fmt.Errorf("-log %s: want debug, info, warn or error", level)}
	}
	if opt.web != "" && opt.web != "off" {
		if _, port, err := net.SplitHostPort(opt.web); err != nil || !isPort(port) {
			return opt, usageError{fmt.Errorf("-web %s: want ADDR:PORT, :PORT or off", opt.web)}
		}
	}
	if bind != "" {
		if opt.bind, err = netip.ParseAddr(bind); err != nil {
			return opt, usageError{fmt.Errorf("-bind %s: not an IP address", bind)}
		}
		opt.bind = opt.bind.Unmap()
	}
	if resolver != "" {
		for s := range strings.SplitSeq(resolver, ",") {
			at, err := parseResolver(strings.TrimSpace(s))
			if err != nil {
				return opt, usageError{err}
			}
			opt.resolvers = append(opt.resolvers, at)
		}
	}
	if scheme, _, found := strings.Cut(opt.profile, "://"); found && !slices.Contains([]string{"http", "https", "tftp", "file"}, strings.ToLower(scheme)) {
		return opt, usageError{fmt.Errorf("-profile %s: want http, https, tftp or a file", provisioning.Redact(opt.profile))}
	}
	if opt.record != "" && opt.replay != "" {
		return opt, usageError{errors.New("-record and -replay exclude each other")}
	}
	return opt, nil
}

// isPort tells whether text is a port number; 0 lets the system choose.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// parseResolver takes "IP:PORT", or "IP" for port 53.
func parseResolver(s string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip, 53), nil
	}
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		return at, fmt.Errorf("-resolver %q: want IP or IP:PORT", s)
	}
	return at, nil
}

// stateDir returns where settings are kept: the flag's directory, else /perm/dialtone on a device,
// else the user's config directory.
func (opt options) stateDir() (string, error) {
	if opt.state != "" {
		return opt.state, nil
	}
	if perm, err := os.Stat("/perm"); err == nil && perm.IsDir() {
		if os.MkdirAll("/perm/dialtone", 0o700) == nil {
			return "/perm/dialtone", nil
		}
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding a place for settings: %w (give one with -state)", err)
	}
	return filepath.Join(dir, "dialtone"), nil
}
