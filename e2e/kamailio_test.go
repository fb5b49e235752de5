//go:build e2e

package e2e

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"
)

var (
	//go:embed testdata/kamailio.cfg
	kamailioConfig string
	//go:embed testdata/tls.cfg
	tlsConfig string
)

// kamailio is the registrar and proxy of the test network. Every request it receives is one line of its log:
// "RX proto source method from to cseq call-id length".
type kamailio struct {
	*process
	control string // address of its control socket
	dir     string
}

// startKamailio writes the configurations into dir and starts it there; it returns once it answers.
func startKamailio(dir string, values map[string]any) (*kamailio, error) {
	config := filepath.Join(dir, "kamailio.cfg")
	for file, form := range map[string]string{config: kamailioConfig, filepath.Join(dir, "tls.cfg"): tlsConfig} {
		var text strings.Builder
		if err := template.Must(template.New(filepath.Base(file)).Parse(form)).Execute(&text, values); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			return nil, err
		}
	}
	k := &kamailio{control: "unix:" + filepath.Join(dir, "ctl"), dir: dir}
	var err error
	k.process, err = startProcess("kamailio", dir, nil, "kamailio", "-f", config, "-DD", "-E", "-m", "64", "-M", "8",
		"-w", dir, "-Y", dir, "-P", filepath.Join(dir, "pid"))
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; <-time.After(pollPause) {
		if _, err = k.rpc("core.uptime"); err == nil {
			return k, nil
		}
		if _, ended := k.exited(0); ended || time.Now().After(deadline) {
			k.stop()
			return nil, fmt.Errorf("kamailio does not answer: %w\n%s", err, k.log.tail(30))
		}
	}
}

// rpc runs one command on the control socket.
func (k *kamailio) rpc(args ...string) (string, error) {
	out, err := exec.Command("kamcmd", append([]string{"-s", k.control}, args...)...).CombinedOutput()
	if err != nil || strings.HasPrefix(string(out), "error:") {
		return "", fmt.Errorf("kamcmd %s: %s", strings.Join(args, " "), strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

var contactAddress = regexp.MustCompile(`(?m)^\s*Address: (\S+)$`)

// contacts returns the addresses the registrar has for user now.
func (k *kamailio) contacts(user string) []string {
	out, err := k.rpc("ul.lookup", "location", "s:"+user) // s: or it takes a number for one
	if err != nil {
		return nil // 404: not registered
	}
	var found []string
	for _, m := range contactAddress.FindAllStringSubmatch(out, -1) {
		found = append(found, m[1])
	}
	return found
}

// received returns the log lines of requests after mark whose method and From user are these.
func (k *kamailio) received(mark int, method, user string) []string {
	return k.log.since(mark, regexp.MustCompile(fmt.Sprintf(`RX \S+ \S+ %s from=%s `, method, regexp.QuoteMeta(user))))
}
