package sim

import "flag"

// go test ./... -run Outage -seeds N hands the flag to every package; there are no outages here.
var _ = flag.Int("seeds", 0, "worlds of the Outage tests, in sip and firmware")
