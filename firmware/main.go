// Command firmware is dialtone, the firmware of a SIP desk phone: open the board, load the settings,
// wire the machines to their drivers and run the loop. It may import everything; nothing imports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"dialtone/board"
)

// Exit codes, design contract: 0 asked to stop, 2 wrong usage, 1 anything else.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `dialtone is the firmware of a SIP desk phone.

	dialtone [run] [flags]     run the phone (dialtone run -h lists the flags)
	dialtone demo [-port N]    a whole small telephone network, in one process
	dialtone check FILE|URL    validate a profile
	dialtone params            print every parameter: tag, default, range, help
	dialtone version           print version, build, Go and board
`

// version is the release this binary is; the build stamps it with -ldflags "-X main.version=…".
var version = "0.1.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	os.Exit(exitCode(err, os.Stderr))
}

// A usageError is the caller's fault: exit 2.
type usageError struct{ error }

// errShown says that everything worth saying has been printed.
var errShown = errors.New("already said")

// exitCode prints one line for a failure and returns the code to leave with.
func exitCode(err error, stderr io.Writer) int {
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "dialtone: %v (dialtone help says what there is)\n", err)
		return exitUsage
	case errors.Is(err, errShown):
		return exitFailed
	}
	fmt.Fprintf(stderr, "dialtone: %v\n", err)
	return exitFailed
}

// dispatch runs one subcommand; without one, the phone.
func dispatch(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	name, rest := "run", args
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, rest = args[0], args[1:]
	}
	switch name {
	case "run":
		opt, err := parseOptions(rest, env, stdout)
		if err != nil || opt.help {
			return err
		}
		if opt.replay != "" {
			return replay(opt.replay, stdout)
		}
		return run(ctx, opt, stderr)
	case "demo":
		opt, err := parseDemoOptions(rest, stdout)
		if err != nil || opt.help {
			return err
		}
		return demo(ctx, opt, stdout, stderr)
	case "check":
		if len(rest) != 1 || strings.HasPrefix(rest[0], "-") {
			return usageError{errors.New("check takes one FILE or URL")}
		}
		return check(ctx, rest[0], stdout)
	case "params":
		if len(rest) != 0 {
			return usageError{errors.New("params takes no arguments")}
		}
		return params(stdout)
	case "version":
		printVersion(stdout)
		return nil
	case "help":
		fmt.Fprint(stdout, usage)
		return nil
	}
	return usageError{fmt.Errorf("unknown command %q", name)}
}

// printVersion says which build this is: version, revision and date of the source, Go, target.
func printVersion(w io.Writer) {
	fmt.Fprintf(w, "dialtone %s\n", version)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	set := make(map[string]string)
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if rev := set["vcs.revision"]; rev == "" {
		fmt.Fprintln(w, "build    without a stamp of its source")
	} else {
		if set["vcs.modified"] == "true" {
			rev += " (modified)"
		}
		fmt.Fprintf(w, "build    %s %s\n", rev, set["vcs.time"])
	}
	arch := set["GOARCH"]
	if arm := set["GOARM"]; arm != "" {
		arch += "/v" + arm
	}
	fmt.Fprintf(w, "go       %s %s/%s\n", info.GoVersion, set["GOOS"], arch)
	fmt.Fprintf(w, "board    %s\n", detectedBoard())
}

// detectedBoard names the board this binary would run on without -board.
func detectedBoard() string {
	b, err := board.Find("")
	if err != nil {
		return err.Error()
	}
	return b.Name
}

// buildTime is when the source was committed: a clock that says less is wrong, and TLS would fail with
// it (docs/architecture.md). Zero when the build carries no stamp.
func buildTime() (t time.Time) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				t, _ = time.Parse(time.RFC3339, s.Value)
			}
		}
	}
	return t
}
