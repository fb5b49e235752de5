package provisioning

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pin/tftp/v3"
)

// Specification constants, RFC 1350 section 5 and RFC 3617.
const (
	tftpPort = "69"
	tftpMode = "octet"
)

// Implementation constants.
const (
	tftpBlock   = 1428 // RFC 2348: with its headers it fills an Ethernet frame, so nothing is fragmented
	tftpTimeout = 2 * time.Second
	tftpRetries = 3
)

// fetchTFTP gets u, trying the server's addresses one after another.
func (f Fetcher) fetchTFTP(ctx context.Context, u *url.URL) ([]byte, error) {
	name, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), ";mode=")
	port := u.Port()
	switch {
	case u.Hostname() == "":
		return nil, errors.New("the address names no server")
	case name == "":
		return nil, errors.New("the address names no file")
	case strings.ContainsRune(name, 0) || len(name) > 255:
		return nil, errors.New("the file's name is not one TFTP can ask for")
	case port == "":
		port = tftpPort
	}
	resolver := f.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		var data []byte
		data, err = transfer(ctx, addr.Unmap(), port, name)
		if err == nil || ctx.Err() != nil || errors.Is(err, ErrNotFound) || errors.Is(err, errTooLarge) {
			return data, err
		}
	}
	return nil, err
}

// transfer gets one file from one address. When ctx ends it returns at once; what is left of the
// transfer ends by itself with the next block or after tftpRetries.
func transfer(ctx context.Context, addr netip.Addr, port, name string) ([]byte, error) {
	client, err := tftp.NewClient(net.JoinHostPort(addr.String(), port))
	if err != nil {
		return nil, err
	}
	client.SetTimeout(tftpTimeout)
	client.SetRetries(tftpRetries)
	client.SetBlockSize(tftpBlock)
	client.SetBackoff(func(int) time.Duration { return 0 }) // the timeout paces the repetitions
	type outcome struct {
		data []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		into := &document{ctx: ctx}
		from, err := client.Receive(name, tftpMode)
		if err == nil {
			_, err = from.WriteTo(into)
		}
		done <- outcome{into.Bytes(), tftpError(err)}
	}()
	select {
	case o := <-done:
		return o.data, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// document collects what is received, up to its limit and its context's end.
type document struct {
	bytes.Buffer
	ctx context.Context
}

func (d *document) Write(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	if d.Len()+len(p) > MaxDocument {
		return 0, errTooLarge
	}
	return d.Buffer.Write(p)
}

// tftpError puts the library's words into ours.
func tftpError(err error) error {
	if err == nil {
		return nil
	}
	if rest, ok := strings.CutPrefix(err.Error(), "code: "); ok { // RFC 1350 appendix, error codes
		code, text, _ := strings.Cut(rest, ", message: ")
		if code == "1" {
			return fmt.Errorf("the server answered: %w", ErrNotFound)
		}
		return fmt.Errorf("the server answered with error %s (%.100q)", code, text)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return errors.New("the server does not answer")
	}
	return err
}
