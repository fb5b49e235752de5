package impure

import "time"

// Seen breaks the rule that a machine never reads a clock; see TestImportsComplains.
var Seen = time.Now
