package transport

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dialtone/sip"
)

// insideName tells a copy of the test's process that it is in a network of its own.
const insideName = "DIALTONE_TEST_INSIDE"

// hasty is the system's network, but impatient with octets nobody acknowledges: the test of the mechanism
// need not take as long as userTimeout, which TestSocketOptions holds.
type hasty struct{ System }

func (h hasty) Dial(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	c, err := h.System.Dial(ctx, local, remote)
	if err != nil {
		return nil, err
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = control(raw, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 1000) })
	}
	return c, err
}

// TestPowerLoss: the machine at the other end of a connection is gone without a word, and what is sent to it
// is acknowledged by nobody. Without TCP_USER_TIMEOUT that would take the kernel a quarter of an hour to say.
func TestPowerLoss(t *testing.T) {
	if os.Getenv(insideName) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPowerLoss$", "-test.v")
		cmd.Env = append(os.Environ(), insideName+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		if _, ran := err.(*exec.ExitError); err != nil && !ran {
			t.Skipf("no network namespace of our own: %v", err)
		}
		t.Logf("%s", out)
		if err != nil {
			t.Error(err)
		}
		return
	}
	run := func(words ...string) {
		t.Helper()
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%v: %v %s", words, err, out)
		}
	}
	run("ip", "link", "set", "lo", "up")
	run("nft", "add", "table", "inet", "test")
	run("nft", "add", "chain", "inet", "test", "in", "{ type filter hook input priority 0; }")

	h, p := newHarness(t, Config{Net: hasty{}}), newPeer(t, nil)
	h.open(1, p)
	port := strconv.Itoa(int(p.addr().Port()))
	run("nft", "add", "rule", "inet", "test", "in", "tcp", "dport", port, "drop")
	run("nft", "add", "rule", "inet", "test", "in", "tcp", "sport", port, "drop")
	begun := time.Now()
	h.Do(sip.Send{Flow: h.tcpFlow(1), Data: []byte(message(1))})
	h.wantClosed("nobody acknowledges", 1, "the peer no longer acknowledges")
	t.Logf("found after %v", time.Since(begun).Round(time.Millisecond))
}
