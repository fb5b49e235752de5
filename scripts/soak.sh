#!/usr/bin/env bash
# A thousand calls to the phone and a thousand from it (or as many as the argument says), five a second, hung up at
# random moments: every one must end as planned, and the phone be no larger afterwards.
set -euo pipefail
SOAK_CALLS=${1:-1000} exec "$(dirname "$0")/e2e.sh" -run TestSoak
