package sip

import (
	"math/rand/v2"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// FuzzCredentials shows any Authorization to our server side: it never panics, and nothing but a digest of the
// password is let in.
func FuzzCredentials(f *testing.F) {
	f.Add(`Digest username="alice", realm="dialtone", nonce="00", uri="sip:phone@192.0.2.1", response="0", qop=auth, nc=00000001, cnonce="x"`)
	f.Add(`Digest username="a\"b", realm="", algorithm=SHA-256, response=`)
	f.Add(`Basic YWxpY2U6c2VjcmV0`)
	f.Fuzz(func(t *testing.T, header string) {
		now := time.Unix(1e9, 0)
		var server digestServer
		resp := sipmsg.NewResponse(401, "Unauthorized")
		if err := server.challenge(resp, "dialtone", false, now, rand.NewChaCha8([32]byte{1})); err != nil {
			t.Fatal(err)
		}
		req := sipmsg.NewRequest(sipmsg.NOTIFY, sipmsg.Uri{Scheme: "sip", User: "phone", Host: "192.0.2.1"})
		req.AppendHeader(sipmsg.NewHeader("Authorization", header))
		if server.verify(req, "dialtone", "alice", "secret", now) == digestGood {
			t.Fatalf("let in: %q", header)
		}
	})
}
