package media

import (
	"net"

	"golang.org/x/sys/unix"
)

// Specification constants: Expedited Forwarding, RFC 3246, as the TOS byte of RTP_TOS_DiffServ_Value.
const expedited = 0xb8

// Implementation constants.
const voicePriority = 6 // SO_PRIORITY of the queue for interactive traffic; setting the TOS resets it, so it comes after

// markExpedited asks the network to hurry what conn sends. Where the system refuses, voice is sent
// all the same.
func markExpedited(conn net.PacketConn) {
	u, ok := conn.(*net.UDPConn)
	if !ok {
		return
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, expedited)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PRIORITY, voicePriority)
	})
}
