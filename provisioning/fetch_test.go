package provisioning

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const profile = "<flat-profile><User_ID_1_>1001</User_ID_1_></flat-profile>\n"

// wantFetched fails with the sentence unless the rule brings the profile.
func wantFetched(t *testing.T, sentence string, f Fetcher, rule string) {
	t.Helper()
	data, err := f.Fetch(t.Context(), rule)
	if err != nil {
		t.Errorf("%s: %v", sentence, err)
	} else if string(data) != profile {
		t.Errorf("%s: got %d bytes %.60q", sentence, len(data), data)
	}
}

// wantFailure fails with the sentence unless fetching the rule ends with an error that contains want, begins
// with "fetching " and does not contain the password used in these tests.
func wantFailure(t *testing.T, sentence string, f Fetcher, rule, want string) error {
	t.Helper()
	data, err := f.Fetch(t.Context(), rule)
	switch {
	case err == nil:
		t.Errorf("%s: got %d bytes %.60q and no error", sentence, len(data), data)
		return nil
	case !strings.HasPrefix(err.Error(), "fetching "), !strings.Contains(err.Error(), want):
		t.Errorf("%s: the error is %q, want fetching …: %s", sentence, err, want)
	case strings.Contains(err.Error(), secret):
		t.Errorf("%s: the password is in %q", sentence, err)
	}
	return err
}

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFetchFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("phone.xml", []byte(profile))
	wantFetched(t, "a plain path is a file", Fetcher{}, plain)
	wantFetched(t, "spaces around a rule mean nothing", Fetcher{}, "  "+plain+"\n")
	wantFetched(t, "a file URL is a file", Fetcher{}, "file://"+plain)
	wantFetched(t, "the scheme may be in capitals", Fetcher{}, "FILE://localhost"+plain)
	wantFetched(t, "a packed file is unpacked", Fetcher{}, write("phone.gz", packed(t, []byte(profile))))

	err := wantFailure(t, "a missing file is said to be missing", Fetcher{}, filepath.Join(dir, "none.xml"), "there is no such file")
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("a missing file is not ErrNotFound: %v", err)
	}
	wantFailure(t, "a directory is not a profile", Fetcher{}, dir, "directory")
	wantFailure(t, "a device is not read", Fetcher{}, "/dev/zero", "not a regular file")
	wantFailure(t, "an empty rule is no rule", Fetcher{}, " ", "the rule is empty")
	wantFailure(t, "a very long rule is refused", Fetcher{}, strings.Repeat("x", maxRule+1), "longer than")
	wantFailure(t, "a file on another machine cannot be read", Fetcher{}, "file://server/phone.xml", "names no server")
	wantFailure(t, "an unknown scheme is named", Fetcher{}, "gopher://server/phone.xml", `"gopher"`)
	wantFailure(t, "too large is too large", Fetcher{}, write("large.xml", make([]byte, MaxDocument+1)), "larger than 2 MB")
	wantFailure(t, "a bomb does not go off", Fetcher{}, write("bomb.gz", packed(t, make([]byte, 4<<20))), "larger than 2 MB")
	wantFailure(t, "a torn packed file is refused", Fetcher{}, write("torn.gz", packed(t, []byte(profile))[:30]), "unpacking")

	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, "a pipe nobody writes to does not hang the phone", Fetcher{}, pipe, "not a regular file")
}

func TestFetchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, rule := range []string{"/etc/hostname", "http://127.0.0.1:1/x", "tftp://127.0.0.1:1/x"} {
		if _, err := (Fetcher{}).Fetch(ctx, rule); !errors.Is(err, context.Canceled) {
			t.Errorf("fetching %s after the end: %v", rule, err)
		}
	}
}

func TestFetchTimeout(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	f := Fetcher{Timeout: 20 * time.Millisecond}
	for _, rule := range []string{
		fmt.Sprintf("http://%s/x", silent.Addr()),
		fmt.Sprintf("https://%s/x", silent.Addr()),
		fmt.Sprintf("tftp://%s/x", udp.LocalAddr()),
	} {
		wantFailure(t, "a silent server costs the timeout and no more", f, rule, "no answer within 20ms")
	}
}

func TestRedact(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{"http://user:" + secret + "@server/path", "http://server/path"},
		{"https://user:" + secret + "@[::1]:444/path?mac=1", "https://[::1]:444/path?mac=1"},
		{"https://user:" + secret + "/and@server/path", "https://…"},
		{"https://user:" + secret + "%zz@server/path", "https://…"},
		{"http://server/a@b", "http://server/a@b"},
		{"[--uid u --pwd " + secret + "]http://u:" + secret + "@server/path", "[…]http://server/path"},
		{"[--key " + secret, "[…]"},
		{"/etc/phone.xml", "/etc/phone.xml"},
		{" http://server/\u0007 ", "http://…"},
		{"a\nb", "ab"},
		{strings.Repeat("é", 200), strings.Repeat("é", 127) + "…"},
	} {
		if got := Redact(c.rule); got != c.want {
			t.Errorf("%.80q is shown as %q, want %q", c.rule, got, c.want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("http://", "server/path")
	f.Add("[--uid u] (a ne b)? tftp://", "@@:/")
	f.Fuzz(func(t *testing.T, before, after string) {
		if shown := Redact("https://user:" + secret + "@" + after); strings.Contains(shown, secret) && !strings.Contains(after, secret) {
			t.Errorf("the password of %q is shown: %q", after, shown)
		}
		Redact(before + after)
	})
}
