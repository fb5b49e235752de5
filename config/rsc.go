package config

import (
	"fmt"
	"strconv"
	"strings"
)

// MatchRSC reports whether a SIP status code is one of a response status code template such as
// "404, 5*" or "408,5??": a comma list in which ? stands for one digit and a final * for the rest
// (reference A.8, type RscTmplt). The empty template matches nothing, and so does a broken entry.
func MatchRSC(template string, code int) bool {
	if code < 100 || code > 699 {
		return false
	}
	digits := strconv.Itoa(code)
	for entry := range strings.SplitSeq(template, ",") {
		if entry = strings.TrimSpace(entry); validRSC(entry) && matchDigits(entry, digits) {
			return true
		}
	}
	return false
}

// matchDigits compares one valid entry of a template with the three digits of a code.
func matchDigits(entry, digits string) bool {
	for i := range len(entry) {
		if entry[i] == '*' {
			return true
		}
		if entry[i] != '?' && entry[i] != digits[i] {
			return false
		}
	}
	return true
}

// validRSC reports whether one entry can match a status code: three digits or ?, or fewer and a *.
func validRSC(entry string) bool {
	head, starred := strings.CutSuffix(entry, "*")
	for i := range len(head) {
		if head[i] != '?' && (head[i] < '0' || head[i] > '9') {
			return false
		}
	}
	return len(head) == 3 || starred && len(head) < 3
}

func checkRSC(_ *entry, text string) (string, error) {
	for item := range strings.SplitSeq(text, ",") {
		if !validRSC(strings.TrimSpace(item)) {
			return "", fmt.Errorf("must be status codes such as 404, 5?? or 6*, not %q", item)
		}
	}
	return text, nil
}
