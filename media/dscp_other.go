//go:build !linux

package media

import "net"

// markExpedited does nothing where we have not learned how: the phone is Linux, other systems build
// and test it.
func markExpedited(net.PacketConn) {}
