// Package exchange is a small telephone network in one process: proxies with their registrars, the DNS
// zone that names them, and numbers that answer with a voice.
//
// It serves `dialtone demo` on real sockets and whole-phone tests on a network in memory by the same
// code, and it is made to be broken while it runs: each proxy can be stopped, silenced, slowed down or
// told to refuse, and so can its DNS. It imports sip only; nothing on the phone's own path imports it.
package exchange
