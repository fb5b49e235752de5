#!/usr/bin/env bash
# The phone against real peers: Kamailio, baresip, SIPp, linphone. Installs their Debian packages when they are missing
# (as root, or with sudo), runs the suite on loopback addresses and leaves nothing behind. Arguments go to go test, for
# example: scripts/e2e.sh -run 'TestCallOut/TLS'
#   E2E_KEEP=1       keep logs and SIP traces (the place is printed)
#   E2E_PHONE=FILE   use this binary of the phone, for example one built with -race
#   SOAK_CALLS=N     calls of the soak in each direction
#   RUNS=N           measure failover, N runs (docs/redundancy.md)
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # need PROGRAM PACKAGE...: remember the packages if the program is missing
	local program=$1
	shift
	PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || missing+=("$@")
}
missing=()
need kamailio kamailio
need kamcmd kamailio
need baresip baresip-core
need sipp sip-tester
need linphonec linphone-cli
need nft nftables
compgen -G '/usr/lib/*/kamailio/modules/tls.so' >/dev/null || missing+=(kamailio-tls-modules)
if [ ${#missing[@]} -gt 0 ]; then
	echo "e2e.sh: installing ${missing[*]}"
	root=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || { echo "e2e.sh: root or sudo is needed once, to install ${missing[*]}" >&2; exit 1; }
		root=(sudo)
	fi
	# A freshly installed proxy must not start by itself.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
		"${root[@]}" chmod 755 "$policy"
		trap '"${root[@]}" rm -f "$policy"' EXIT
	fi
	"${root[@]}" apt-get update -q
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
	if [ "$(trap -p EXIT)" ]; then
		"${root[@]}" rm -f "$policy"
		trap - EXIT
	fi
fi
export PATH=$PATH:/usr/sbin:/sbin

# Everything the suite writes lies in one directory, which goes whatever happens.
TMPDIR=$(mktemp -d -t dialtone-e2e.XXXXXX)
export TMPDIR
[ -n "${E2E_KEEP:-}" ] || trap 'rm -rf "$TMPDIR"' EXIT
go test -tags e2e ./e2e/ -count=1 -v -timeout 25m "$@"
