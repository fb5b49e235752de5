// Package transport is the sockets of SIP: UDP with ICMP errors, TCP and TLS flows, framing, DNS queries.
//
// Every blocking call runs in a goroutine of its own and reports what it saw as a sip.Input; nothing
// here decides. It imports sip only.
package transport
