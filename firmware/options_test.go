package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dialtone/board"
)

func noEnv(string) string { return "" }

func TestParseOptions(t *testing.T) {
	env := map[string]string{"DIALTONE_ADMIN_PASSWORD": "from the environment", "DIALTONE_BOARD": "sim", "DIALTONE_LOG": "debug", "DIALTONE_WEB": ""}
	getenv := func(name string) string { return env[name] }
	for _, c := range []struct {
		name string
		args string
		env  func(string) string
		want options
	}{
		{"nothing", "", noEnv, options{}},
		{"every flag", "-board sim -state /tmp/s -profile tftp://h/p.xml -web off -admin-password x -resolver 127.0.0.1,[::1]:5353,9.9.9.9:54 -bind ::ffff:127.0.0.2 -mic m.wav -speaker s.wav -log warn -record r", noEnv,
			options{board: "sim", state: "/tmp/s", profile: "tftp://h/p.xml", web: "off", password: "x", bind: netip.MustParseAddr("127.0.0.2"),
				resolvers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53"), netip.MustParseAddrPort("[::1]:5353"), netip.MustParseAddrPort("9.9.9.9:54")},
				mic:       "m.wav", speaker: "s.wav", level: slog.LevelWarn, record: "r"}},
		{"the environment", "-web :8080", getenv, options{board: "sim", password: "from the environment", web: ":8080", level: slog.LevelDebug}},
		{"flags win", "-log error -admin-password mine", getenv, options{board: "sim", password: "mine", level: slog.LevelError}},
		{"two dashes", "--replay=x", noEnv, options{replay: "x"}},
	} {
		got, err := parseOptions(strings.Fields(c.args), c.env, io.Discard)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

// wrongUsage is what the command line refuses: exit code 2 and one line.
func TestWrongUsage(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, c := range []struct {
		args, env string
		want      string
	}{
		{"-nonsense", "", "flag provided but not defined: -nonsense"},
		{"run extra", "", `unexpected argument "extra"`},
		{"dance", "", `unknown command "dance"`},
		{"-log loud", "", "-log loud: want debug, info, warn or error"},
		{"-bind here", "", "-bind here: not an IP address"},
		{"-bind 1.2.3.4:5", "", "-bind 1.2.3.4:5: not an IP address"},
		{"-resolver here", "", `-resolver "here": want IP or IP:PORT`},
		{"-resolver 1.1.1.1,", "", `-resolver "": want IP or IP:PORT`},
		{"-profile gopher://h/x", "", "-profile gopher://h/x: want http, https, tftp or a file"},
		{"-record a -replay b", "", "-record and -replay exclude each other"},
		{"", "DIALTONE_BIND=nowhere", "-bind nowhere: not an IP address"},
		{"-board toaster", "", `no board is called "toaster"`},
		{"check", "", "check takes one FILE or URL"},
		{"check a b", "", "check takes one FILE or URL"},
		{"params x", "", "params takes no arguments"},
		{"-profile", "", "flag needs an argument: -profile"},
		{"-state " + t.TempDir() + " -admin-password \x01", "", "-admin-password: "},
	} {
		var out, errs bytes.Buffer
		env := func(name string) string {
			k, v, _ := strings.Cut(c.env, "=")
			if name == k {
				return v
			}
			return ""
		}
		code := exitCode(dispatch(t.Context(), strings.Fields(c.args), env, &out, &errs), &errs)
		if code != exitUsage || !strings.Contains(errs.String(), c.want) || strings.Count(errs.String(), "\n") != 1 || out.Len() > 0 {
			t.Errorf("dialtone %s: exit %d, %q, %q", c.args, code, errs.String(), out.String())
		}
	}
}

// TestFailures: what goes wrong outside is one line and exit code 1.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, c := range []struct{ args, want string }{
		{"-state " + file("state", "x"), "state"},
		{"-web off -state " + filepath.Join(dir, "a") + " -profile " + filepath.Join(dir, "none.xml"), "none.xml"},
		{"-web off -state " + filepath.Join(dir, "b") + " -profile " + file("bad.xml", "<flat-profile><x>"), "line 1"},
		{"-web off -state " + filepath.Join(dir, "d") + " -mic " + file("mic.wav", "no sound"), "microphone"},
		{"-web off -state " + filepath.Join(dir, "e") + " -record " + filepath.Join(dir, "no/where"), "recording"},
		{"-web 203.0.113.1:1 -state " + filepath.Join(dir, "f"), "opening the web page at 203.0.113.1:1: cannot assign requested address"},
		{"-replay " + filepath.Join(dir, "none"), "reading a recording"},
		{"check " + filepath.Join(dir, "none.xml"), "none.xml"},
		{"check " + file("refused.xml", profile("SIP_T1=soon", "Nonsense=1", "Display_Name_1_=A")), "1 values are refused"},
	} {
		var out, errs, log bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		code := exitCode(dispatch(ctx, strings.Fields(c.args), noEnv, &out, &log), &errs)
		cancel()
		if code != exitFailed || !strings.Contains(errs.String(), c.want) || strings.Count(errs.String(), "\n") != 1 || !strings.HasPrefix(errs.String(), "dialtone: ") {
			t.Errorf("dialtone %s: exit %d, %q", c.args, code, errs.String())
		}
	}
	if code := exitCode(errShown, io.Discard); code != exitFailed {
		t.Errorf("an error already said: exit %d", code)
	}
}

func TestSmallCommands(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.xml")
	if err := os.WriteFile(good, []byte(profile("Display_Name_1_=A", "Nonsense=1")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"help", []string{"dialtone [run] [flags]", "dialtone check FILE|URL"}},
		{"-h", []string{"-admin-password", "-resolver", "-replay"}},
		{"run -help", []string{"-board"}},
		{"version", []string{"dialtone " + version, "board    " + detectedBoard(), "go       go1."}},
		{"params", []string{"Proxy_1_", "SIP_T1", "Admin_Password"}},
		{"check " + good, []string{"Nonsense: unknown, ignored"}},
	} {
		var out, errs bytes.Buffer
		code := exitCode(dispatch(t.Context(), strings.Fields(c.args), noEnv, &out, &errs), &errs)
		if code != exitOK || errs.Len() > 0 {
			t.Errorf("dialtone %s: exit %d, %q", c.args, code, errs.String())
		}
		for _, w := range c.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("dialtone %s does not say %q:\n%.500s", c.args, w, out.String())
			}
		}
	}
}

func TestWebAddr(t *testing.T) {
	for _, c := range []struct {
		web, board, want string
	}{{"", "sim", "127.0.0.1:8080"}, {"", "other", ":80"}, {"off", "sim", "off"}, {"1.2.3.4:5", "other", "1.2.3.4:5"}} {
		if got := (options{web: c.web}).webAddr(board.Board{Name: c.board, Simulated: c.board == "sim"}); got != c.want {
			t.Errorf("-web %q on %s: %s, want %s", c.web, c.board, got, c.want)
		}
	}
}

// A lineWriter tells when a line with some words was written.
type lineWriter struct {
	words string
	seen  chan string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.words) {
		select {
		case w.seen <- string(p):
		default:
		}
	}
	return len(p), nil
}

// TestRun starts the real thing, without any line, and stops it.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	rec := filepath.Join(dir, "phone.rec")
	for _, again := range []bool{false, true} {
		log := &lineWriter{words: "made up", seen: make(chan string, 1)}
		if again {
			log.words = "dialtone runs"
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		args := []string{"-board", "sim", "-state", dir, "-bind", "127.91.0.1", "-web", "127.91.0.1:0", "-record", rec, "-resolver", "127.91.0.1:9"}
		go func() { done <- dispatch(ctx, args, noEnv, io.Discard, log) }()
		select {
		case line := <-log.seen:
			if !again && !strings.Contains(line, "user=admin password=") {
				t.Errorf("the first start says %q", line)
			}
		case err := <-done:
			t.Fatalf("it ended: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(rec); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the recording: %v, %v", info.Mode(), err)
		}
	}
	var out bytes.Buffer // the stop may come before anything else is taken from the inbox
	if err := dispatch(t.Context(), []string{"-replay", rec}, noEnv, &out, io.Discard); err != nil || !strings.Contains(out.String(), "No line set up") || !strings.Contains(out.String(), "< main.stop") {
		t.Errorf("replaying it: %v\n%s", err, out.String())
	}
}

func TestErrorsOfUsage(t *testing.T) {
	if err := error(usageError{errors.New("x")}); exitCode(err, io.Discard) != exitUsage {
		t.Error("a usage error is no usage error")
	}
}
