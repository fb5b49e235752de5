// Package e2e runs the phone among real peers: Kamailio as registrar and proxy, baresip, linphone and SIPp as
// other phones, and a DNS server of its own. Everything lives on loopback addresses, in a network namespace of its own
// where the machine allows one, so it needs no privileges beyond installed packages, and several suites run side by
// side.
//
// The tests are built with the tag e2e and need Debian packages; scripts/e2e.sh installs them and runs the
// suite. The package may import nothing of dialtone: it drives the binary through its flags and its API, as
// people do (the torture messages it sends are read from sip/testdata).
package e2e
