package provisioning

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/pin/tftp/v3"
)

// serveTFTP answers with what files says, and returns the server's base URL.
func serveTFTP(t *testing.T, files map[string][]byte) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	server := tftp.NewServer(func(name string, to io.ReaderFrom) error {
		data, ok := files[name]
		if !ok {
			return fmt.Errorf("%q: %w", name, os.ErrNotExist)
		}
		_, err := to.ReadFrom(bytes.NewReader(data))
		return err
	}, nil)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(conn) }()
	t.Cleanup(func() { server.Shutdown(); <-done })
	return "tftp://" + conn.LocalAddr().String()
}

func TestFetchTFTP(t *testing.T) {
	exact := []byte(profile + strings.Repeat(" ", 3*tftpBlock-len(profile)))
	base := serveTFTP(t, map[string][]byte{
		"phone.xml":     []byte(profile),
		"dir/phone.xml": []byte(profile),
		"packed":        packed(t, []byte(profile)),
		"exact":         exact,
		"large":         make([]byte, MaxDocument+1),
	})
	wantFetched(t, "a profile comes by tftp", Fetcher{}, base+"/phone.xml")
	wantFetched(t, "a mode is understood", Fetcher{}, base+"/phone.xml;mode=octet")
	wantFetched(t, "from a directory", Fetcher{}, base+"/dir/phone.xml")
	wantFetched(t, "packed", Fetcher{}, base+"/packed")
	wantFetched(t, "a name is looked up", Fetcher{}, strings.Replace(base, "127.0.0.1", "localhost", 1)+"/phone.xml")
	if data, err := (Fetcher{}).Fetch(t.Context(), base+"/exact"); err != nil || !bytes.Equal(data, exact) {
		t.Errorf("whole blocks: %d bytes, %v", len(data), err)
	}
	wantFailure(t, "too large is stopped", Fetcher{}, base+"/large", "larger than 2 MB")
	wantFailure(t, "no file", Fetcher{}, base+"/", "names no file")
	wantFailure(t, "no server", Fetcher{}, "tftp:///x", "names no server")
	wantFailure(t, "an impossible name", Fetcher{}, base+"/a%00b", "not one TFTP can ask for")
	err := wantFailure(t, "a missing file is missing", Fetcher{}, base+"/none.xml", "there is no such file")
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("a missing file is not ErrNotFound: %v", err)
	}
}

func TestTFTPError(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"code: 2, message: Access violation\x00\n", `the server answered with error 2 ("Access violation\x00\n")`},
		{"code: 1, message: File not found", "the server answered: there is no such file"},
		{"something else", "something else"},
	} {
		if got := tftpError(errors.New(c.said)); got.Error() != c.want {
			t.Errorf("%q becomes %q, want %q", c.said, got, c.want)
		}
	}
	if err := tftpError(os.ErrDeadlineExceeded); err.Error() != "the server does not answer" {
		t.Errorf("a timeout becomes %q", err)
	}
}
