package display

import (
	"dialtone/phone"
	"fmt"
)

// Text is the screen as rows of characters, each cols wide.
func Text(v phone.View, rows, cols int) []string {
	out := make([]string, rows)
	for i := range out {
		out[i] = fmt.Sprintf("%-*s", cols, "")
	}
	out[0] = fmt.Sprintf("%-*.*s", cols, cols, string(v.Showing)+" "+v.Digits+v.Peer+v.Why.Title)
	return out
}
