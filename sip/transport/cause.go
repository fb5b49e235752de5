package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"dialtone/sip"
)

// cause says in a few words why something on the network failed: for a log line, and for the person who
// reads why a server is down. It has no addresses; those are beside it.
func cause(err error) string {
	text := plainCause(err)
	var shake handshakeError
	if errors.As(err, &shake) && !strings.Contains(text, "certificate") && !strings.Contains(text, "TLS") {
		text += " during the TLS handshake" // the peer was reached, and so not the network is to blame
	}
	return text
}

func plainCause(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{syscall.ECONNREFUSED, "connection refused"},
		{syscall.ECONNRESET, "connection reset by the peer"},
		{syscall.EPIPE, "connection reset by the peer"},
		{syscall.ECONNABORTED, "connection aborted"},
		{syscall.ETIMEDOUT, "the peer no longer acknowledges"},
		{syscall.EHOSTUNREACH, "no route to the host"},
		{syscall.EHOSTDOWN, "the host is down"},
		{syscall.ENETUNREACH, "no route to the network"},
		{syscall.ENETDOWN, "the network is down"},
		{syscall.EADDRINUSE, sip.CauseInUse},
		{syscall.EADDRNOTAVAIL, sip.CauseNotAvailable},
		{syscall.EACCES, "not permitted"},
		{syscall.EPERM, "not permitted"},
		{syscall.EMSGSIZE, "the message is too large for UDP"},
		{syscall.EPROTO, "protocol not reachable"},
		{syscall.ENOPROTOOPT, "protocol not reachable"},
		{net.ErrClosed, "closed"},
		{io.ErrUnexpectedEOF, "closed by the peer"},
		{io.EOF, "closed by the peer"},
		{context.Canceled, "stopped"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	var (
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		header   tls.RecordHeaderError
		wrong    nameError
		untimely validityError
		op       *net.OpError
		timedOut interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &wrong):
		return wrong.Error()
	case errors.As(err, &untimely):
		return untimely.Error()
	case errors.As(err, &unknown) && unknown.Cert != nil && bytes.Equal(unknown.Cert.RawIssuer, unknown.Cert.RawSubject):
		return "the certificate is self-signed and not trusted"
	case errors.As(err, &unknown):
		return "the certificate is signed by an unknown authority"
	case errors.As(err, &invalid):
		return "the certificate is not valid: " + trimmed(invalid)
	case errors.As(err, &verify):
		return "the certificate is not valid: " + trimmed(verify.Err)
	case errors.As(err, &header):
		return "the peer does not speak TLS"
	case errors.As(err, &op) && op.Op == "remote error": // an alert
		return "the peer refused TLS: " + trimmed(op.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timedOut) && timedOut.Timeout():
		return "no answer in time"
	case errors.As(err, &op) && op.Err != nil:
		return trimmed(op.Err)
	}
	return trimmed(err)
}

func trimmed(err error) string {
	const most = 120
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "x509: "), "tls: ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
