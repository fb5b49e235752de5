//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable is set for the test binary that runs in a network namespace of its own.
const insideVariable = "E2E_INSIDE"

// inNamespace runs this test binary again in a network namespace of its own, where packets may be thrown away and
// connections be reset without the machine noticing. It returns the exit code, or false where the machine does not
// allow it: then the suite runs on the machine's own loopback, and what needs a firewall is skipped.
func inNamespace(binary string) (int, bool) {
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1", "E2E_PHONE="+binary)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: no network namespace of its own:", err)
		return 0, false
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1, true
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, true
	}
	return 1, true // ended by a signal
}

// raiseLoopback makes the loopback of a fresh namespace usable.
func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}

// The firewall of the namespace. An address in "dead" hears and says nothing, as without power: whoever speaks to it
// waits. One in "refused" answers for the host: RST to every segment, ICMP host unreachable to every datagram.
const firewall = `table inet e2e {
	set dead { type ipv4_addr; }
	set refused { type ipv4_addr; }
	chain in {
		type filter hook input priority 0
		ip daddr @dead drop
		ip saddr @dead drop
		ip daddr @refused meta l4proto tcp reject with tcp reset
		ip daddr @refused reject with icmp host-unreachable
	}
}
`

// raiseFirewall sets it up. It is an error where there is no namespace.
func raiseFirewall() error {
	if os.Getenv(insideVariable) == "" {
		return errors.New("no network namespace of its own")
	}
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(firewall)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// firewallSet puts an address into a set of the firewall ("add"), or takes it out ("delete").
func firewallSet(verb, set, address string) error {
	out, err := exec.Command("nft", verb, "element", "inet", "e2e", set, "{", address, "}").CombinedOutput()
	if err != nil {
		return fmt.Errorf("nft %s %s in %s: %w: %s", verb, address, set, err, out)
	}
	return nil
}
