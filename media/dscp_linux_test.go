package media

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestVoiceIsMarkedExpedited(t *testing.T) {
	conn, err := listenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	markExpedited(conn)
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var tos, priority int
	if err := raw.Control(func(fd uintptr) {
		tos, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS)
		priority, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PRIORITY)
	}); err != nil {
		t.Fatal(err)
	}
	if tos != 0xb8 || priority != 6 {
		t.Errorf("TOS %#x and priority %d, want 0xb8 and 6", tos, priority)
	}
}
