//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Implementation constants.
const (
	patience  = 15 * time.Second      // what a peer on this machine may take for one step, busy machine included
	pollPause = 20 * time.Millisecond // between two looks at something that cannot be waited for
	termGrace = 4 * time.Second       // between SIGTERM and SIGKILL
)

// process is a running peer. It lives in a process group of its own, which is what stop ends: nothing else on the
// machine is touched. Should the test binary die, the kernel ends the process.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *log
	done chan struct{} // closed when it has exited
	code int           // valid once done is closed
}

// startProcess runs argv in dir and collects what it prints.
func startProcess(name, dir string, env []string, argv ...string) (*process, error) {
	return startProcessWith(nil, name, dir, env, argv...)
}

// startProcessWith is startProcess for a program that reads its standard input.
func startProcessWith(stdin *os.File, name, dir string, env []string, argv ...string) (*process, error) {
	p := &process{name: name, log: newLog(), done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w (scripts/e2e.sh installs what is needed)", name, err)
	}
	go func() {
		p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		p.log.close()
		close(p.done)
	}()
	return p, nil
}

// signal sends sig to the process alone.
func (p *process) signal(sig syscall.Signal) { p.cmd.Process.Signal(sig) }

// exited reports whether it ended within d, and its exit code.
func (p *process) exited(d time.Duration) (int, bool) {
	select {
	case <-p.done:
		return p.code, true
	case <-time.After(d):
		return 0, false
	}
}

// stop ends the process and everything it started.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	if _, ended := p.exited(0); !ended {
		syscall.Kill(group, syscall.SIGTERM)
		p.exited(termGrace)
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-p.done
}

// log is what a process printed, line by line, to be searched and waited on.
type log struct {
	mu      sync.Mutex
	lines   []string
	part    []byte
	changed chan struct{} // closed and replaced with every line
	closed  bool
	noise   *regexp.Regexp // lines to forget
}

func newLog() *log { return &log{changed: make(chan struct{})} }

// forget drops lines to come that match re.
func (l *log) forget(re *regexp.Regexp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noise = re
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, b...)
	for {
		i := bytes.IndexAny(l.part, "\r\n")
		if i < 0 {
			return len(b), nil
		}
		line := string(l.part[:i])
		l.part = l.part[i+1:]
		if line == "" || l.noise != nil && l.noise.MatchString(line) {
			continue
		}
		l.lines = append(l.lines, line)
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

func (l *log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.lines = append(l.lines, string(l.part))
	}
	l.part, l.closed = nil, true
	close(l.changed)
	l.changed = make(chan struct{})
}

// mark is a place in a log: everything printed so far lies before it.
func (l *log) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// since returns the lines after mark that match re.
func (l *log) since(mark int, re *regexp.Regexp) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines[min(mark, len(l.lines)):] {
		if re.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// tail returns the last n lines.
func (l *log) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-n):], "\n")
}

// want waits until a line after mark matches pattern and returns it with its submatches.
func (l *log) want(t testing.TB, sentence string, mark int, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		changed, closed := l.changed, l.closed
		for _, line := range l.lines[min(mark, len(l.lines)):] {
			if m := re.FindStringSubmatch(line); m != nil {
				l.mu.Unlock()
				return m
			}
		}
		l.mu.Unlock()
		if closed {
			t.Fatalf("%s: the process ended without printing %q", sentence, pattern)
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: no line matches %q in %v", sentence, pattern, patience)
		}
	}
}

// eventually polls ok until it is true. It is for things outside that report nothing by themselves.
func eventually(t testing.TB, sentence string, ok func() bool) {
	t.Helper()
	eventuallyIn(t, patience, sentence, ok)
}

// eventuallyIn is eventually with its own patience.
func eventuallyIn(t testing.TB, limit time.Duration, sentence string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so after %v", sentence, limit)
		}
	}
}

// staysSo looks for d long whether ok remains true: for what must not happen there is no event to wait for.
func staysSo(t testing.TB, d time.Duration, sentence string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); <-tick.C {
		if !ok() {
			t.Fatalf("%s: no longer so", sentence)
		}
	}
}
