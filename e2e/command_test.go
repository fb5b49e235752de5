//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// runCommand runs the phone's binary to its end: exit code, standard output, standard error.
func runCommand(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(lab.binary, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, lab.mkdir(t, "command")
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_CONFIG_HOME="+cmd.Dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	case <-time.After(patience):
		cmd.Process.Kill()
		<-ended
		t.Fatalf("dialtone %s is still running after %v:\n%s%s", strings.Join(args, " "), patience, out.String(), errs.String())
	}
	return 0, "", ""
}

func TestCommands(t *testing.T) {
	t.Parallel()
	dir := lab.mkdir(t, "files")
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.xml", "<flat-profile>\n<User_ID_1_>1001</User_ID_1_>\n<Proxy_1_>example.test</Proxy_1_>\n</flat-profile>\n")
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string // pattern
		stderr string
	}{
		{"version", []string{"version"}, 0, `(?s)dialtone \S+.*go1\..*sim`, `^$`},
		{"params", []string{"params"}, 0, `(?s)Proxy_1_.*SIP_Transport_8_|SIP_Transport_8_.*Proxy_1_`, `^$`},
		{"check, good", []string{"check", good}, 0, `.`, `^$`},
		{"check, wrong value", []string{"check", file("value.xml", "<flat-profile>\n<User_ID_1_>1001</User_ID_1_>\n<SIP_Transport_1_>PIGEON</SIP_Transport_1_>\n</flat-profile>\n")}, 1, `(?m)^.*line 3.*SIP_Transport_1_.*$`, `.`},
		{"check, no profile", []string{"check", file("other.xml", "<html><body>404</body></html>")}, 1, ``, `flat-profile`},
		{"check, broken", []string{"check", file("broken.xml", "<flat-profile>\n<User_ID_1_>1001\n</flat-profile>\n")}, 1, ``, `line [23]`},
		{"check, missing", []string{"check", filepath.Join(dir, "missing.xml")}, 1, ``, `missing\.xml`},
		{"check, nothing", []string{"check"}, 2, `^$`, `.`},
		{"unknown command", []string{"frobnicate"}, 2, `^$`, `frobnicate`},
		{"unknown flag", []string{"run", "-frobnicate"}, 2, `^$`, `frobnicate`},
		{"flag without run", []string{"-frobnicate"}, 2, `^$`, `frobnicate`},
		{"wrong board", []string{"-board", "abacus"}, 2, `^$`, `abacus`},
		{"wrong address", []string{"-bind", "here"}, 2, `^$`, `here`},
		{"wrong resolver", []string{"-resolver", "nowhere:what"}, 2, `^$`, `nowhere`},
		{"wrong level", []string{"-log", "loud"}, 2, `^$`, `loud`},
		{"argument too many", []string{"run", "fast"}, 2, `^$`, `fast`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := runCommand(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !regexp.MustCompile(c.stdout).MatchString(out) {
				t.Errorf("standard output does not match %q:\n%.2000s", c.stdout, out)
			}
			if !regexp.MustCompile(c.stderr).MatchString(errs) {
				t.Errorf("standard error does not match %q:\n%s", c.stderr, errs)
			}
			if c.code != 0 && strings.Count(strings.TrimSpace(errs), "\n") != 0 {
				t.Errorf("standard error is more than one line:\n%s", errs)
			}
			if c.code != 0 {
				t.Logf("%d: %s", code, strings.TrimSpace(errs))
			}
		})
	}
}

// TestCannotStart: what keeps the phone from starting is said in one clear line.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	addr := lab.phoneAddr(t)
	taken, err := net.Listen("tcp", addr.String()+":8080")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	sip, err := net.ListenPacket("udp", addr.String()+":5060")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sip.Close() })
	dir := lab.mkdir(t, "files")
	file := filepath.Join(dir, "file")
	profile := filepath.Join(dir, "profile.xml")
	for path, text := range map[string]string{file: "not a directory", profile: string(flatProfile(map[string]string{"User_ID_1_": "1", "Proxy_1_": "example.test"}))} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, stderr string
		flags        []string
	}{
		{"unreadable profile", `missing\.xml`, []string{"-state", filepath.Join(dir, "s1"), "-profile", filepath.Join(dir, "missing.xml"), "-web", "off"}},
		{"profile is none", `profile.*line 1`, []string{"-state", filepath.Join(dir, "s2"), "-profile", file, "-web", "off"}},
		{"web port in use", `8080.*in use`, []string{"-state", filepath.Join(dir, "s3"), "-web", addr.String() + ":8080"}},
		{"SIP port in use", `5060.*in use`, []string{"-state", filepath.Join(dir, "s4"), "-profile", profile, "-web", "off"}},
		{"address of another machine", `203\.0\.113\.9`, []string{"-state", filepath.Join(dir, "s7"), "-profile", profile, "-web", "off", "-bind", "203.0.113.9"}},
		{"unwritable state", `file`, []string{"-state", filepath.Join(file, "below"), "-web", "off"}},
		{"state is a file", `file`, []string{"-state", file, "-web", "off"}},
		{"microphone missing", `no-such\.wav`, []string{"-state", filepath.Join(dir, "s5"), "-web", "off", "-mic", filepath.Join(dir, "no-such.wav")}},
		{"speaker unwritable", `speaker\.wav`, []string{"-state", filepath.Join(dir, "s6"), "-web", "off", "-speaker", filepath.Join(file, "speaker.wav")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, _, errs := runCommand(t, append([]string{"run", "-board", "sim", "-bind", addr.String(), "-resolver", lab.dns.addr.String(), "-log", "error", "-admin-password", adminPassword}, c.flags...)...)
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if !regexp.MustCompile(c.stderr).MatchString(errs) {
				t.Errorf("standard error does not match %q:\n%s", c.stderr, errs)
			}
			if strings.Count(strings.TrimSpace(errs), "\n") != 0 {
				t.Errorf("standard error is more than one line:\n%s", errs)
			}
			t.Logf("%d: %s", code, strings.TrimSpace(errs))
		})
	}
}

// TestNoNameServer: without DNS the phone runs, says so, and registers once there is one.
func TestNoNameServer(t *testing.T) {
	t.Parallel()
	nobody := lab.server(lab.peerHost(t), resolverPort)
	p := startPhone(t, phoneOptions{resolver: nobody.String(), register: "failed", profile: map[string]string{
		"Reg_Retry_Intvl": "2", "Reg_Retry_Random_Delay": "0"}})
	s := p.status()
	t.Logf("the cause is %q, the screen:\n%s", s.Lines[0].cause(), p.screen())
	shown := p.log.since(0, regexp.MustCompile(`(?i)dns|name server|resolve`))
	if len(shown) == 0 {
		t.Error("the log does not speak of DNS")
	}
	server, err := startDNS(nobody)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.close)
	server.add("_sip._udp.example.test. 30 IN SRV 10 1 5060 sip.example.test.", "sip.example.test. 30 IN A "+lab.server(proxyHost, 0).Addr().String())
	p.wantLine("DNS is back", "registered")
}

// TestUnknownDomain: a name that does not exist.
func TestUnknownDomain(t *testing.T) {
	t.Parallel()
	p := startPhone(t, phoneOptions{domain: "no-such-name.test", register: "failed"})
	l := p.status().Lines[0]
	t.Logf("line 1 is %+v, the screen:\n%s", l, p.screen())
}

// TestServerRefuses: nobody listens at the proxy's address; the kernel says so at once.
func TestServerRefuses(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"UDP", "TCP", "TLS"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			p := startPhone(t, phoneOptions{domain: fmt.Sprint(lab.server(lab.peerHost(t), 5060)), transport: transport, register: "failed"})
			t.Logf("noticed %.2f s after the start: %q", time.Since(began).Seconds(), p.status().Lines[0].cause())
		})
	}
}
