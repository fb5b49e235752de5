// Package simnet is a network in memory: packets and streams between hosts, with seeded loss, delay,
// duplication, partitions and power cuts, at net.PacketConn and net.Conn.
//
// For tests and the demo only; it imports none of our packages.
package simnet
