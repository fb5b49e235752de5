package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"dialtone/config"
	"dialtone/provisioning"
)

// Implementation constants.
const checkTime = 30 * time.Second // to fetch a profile that is checked

// check validates a profile: what it would change, what it leaves alone and what is wrong with it. It
// fails when a value is refused or the document is.
func check(ctx context.Context, rule string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	data, err := provisioning.Fetcher{}.Fetch(ctx, rule)
	if err != nil {
		return err
	}
	_, report, err := config.Parse(data, config.Default())
	if err != nil {
		return fmt.Errorf("%s: %w", provisioning.Redact(rule), err)
	}
	for _, r := range report.Refused {
		fmt.Fprintln(out, r)
	}
	for _, tag := range report.UnknownTags {
		fmt.Fprintf(out, "%s: unknown, ignored\n", tag)
	}
	fmt.Fprintln(out, report)
	if n := len(report.Refused); n > 0 {
		return fmt.Errorf("%s: %d values are refused", provisioning.Redact(rule), n)
	}
	return nil
}

// params prints every parameter.
func params(out io.Writer) error {
	_, err := io.WriteString(out, config.Table())
	return err
}
