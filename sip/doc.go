// Package sip is a SIP user agent without input or output (RFC 3261 and its relatives).
//
// Here live the admission gate, transactions, dialogs, registrations, and the location of servers. An
// Agent is stepped with one Input at a time and answers with what to send and what happened. It owns no
// socket, no timer and no goroutine and never reads a clock. It imports none of our packages; SDP is
// bytes to it.
package sip
