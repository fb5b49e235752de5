package media

import (
	"bytes"
	"crypto/aes"
	stdcipher "crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keystream is AES in counter mode from an IV of 16 bytes.
func keystream(t *testing.T, key, iv []byte, n int) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, n)
	stdcipher.NewCTR(block, iv).XORKeyStream(out, out)
	return out
}

// derive is the key derivation of RFC 3711 section 4.3.1 without a rate, written from the text.
func derive(t *testing.T, key, salt []byte, label byte, n int) []byte {
	t.Helper()
	iv := make([]byte, 16)
	copy(iv, salt)
	iv[7] ^= label
	return keystream(t, key, iv, n)
}

// The vectors of RFC 3711 appendix B.3 and RFC 6188 section 7.2 hold for derive, that of RFC 7714 section 16.2.1
// for gcm; what these make of a packet is what the cipher must make of it.
func TestDerivationVectors(t *testing.T) {
	for _, v := range []struct {
		key, salt string
		label     byte
		want      string
	}{
		{"E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6", 0, "C61E7A93744F39EE10734AFE3FF7A087"},
		{"E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6", 2, "30CBBC08863D8C85D49DB34A9AE1"},
		{"E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6", 1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
		{"f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6", "3b04803de51ee7c96423ab5b78d2", 0,
			"5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"},
	} {
		want := unhex(t, v.want)
		if got := derive(t, unhex(t, v.key), unhex(t, v.salt), v.label, len(want)); !bytes.Equal(got, want) {
			t.Errorf("label %d: %x, want %x", v.label, got, want)
		}
	}
	header, text := unhex(t, "8040f17b8041f8d35501a0b2"), []byte("Gallia est omnis divisa in partes tres")
	want := unhex(t, "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13")
	key := unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if got := gcm(t, key, unhex(t, "517569642070726f2071756f"), header, text); !bytes.Equal(got, want) {
		t.Errorf("RFC 7714: %x, want %x", got, want)
	}
}

// gcm is the payload of an RTP packet with rollover counter 0, RFC 7714 section 8.
func gcm(t *testing.T, key, salt, header, payload []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := stdcipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 12)
	copy(iv[2:], header[8:12])
	copy(iv[10:], header[2:4])
	for i := range iv {
		iv[i] ^= salt[i]
	}
	return aead.Seal(nil, iv, payload, header)
}

// counterMode is the same for AES_CM with HMAC-SHA1, RFC 3711 sections 4.1.1 and 4.2.1.
func counterMode(t *testing.T, key, salt, auth, header, payload []byte, tag int) []byte {
	t.Helper()
	iv := make([]byte, 16)
	copy(iv, salt)
	for i, b := range header[8:12] {
		iv[4+i] ^= b
	}
	for i, b := range header[2:4] {
		iv[12+i] ^= b
	}
	out := keystream(t, key, iv, len(payload))
	for i := range out {
		out[i] ^= payload[i]
	}
	mac := hmac.New(sha1.New, auth)
	mac.Write(header)
	mac.Write(out)
	mac.Write(make([]byte, 4))
	return append(out, mac.Sum(nil)[:tag]...)
}

func TestPacketsAsTheRFCsHaveThem(t *testing.T) {
	header := unhex(t, "8000 1234 decafbad cafebabe")
	payload := bytes.Repeat([]byte{0xab}, 33)
	for _, spec := range suiteSpecs {
		secret := make([]byte, spec.key+spec.salt)
		for i := range secret {
			secret[i] = byte(i*7 + 1)
		}
		key, salt := secret[:spec.key], secret[spec.key:]
		session := derive(t, key, salt, 0, spec.key)
		var want []byte
		if strings.HasPrefix(string(spec.suite), "AEAD") {
			want = gcm(t, session, derive(t, key, salt, 2, 12), header, payload)
		} else {
			want = counterMode(t, session, derive(t, key, salt, 2, 14), derive(t, key, salt, 1, 20), header, payload, spec.tag)
		}
		k := Key{&master{secret: string(secret)}}
		var g, far guard
		if err := g.change(Crypto{spec.suite, k, k}); err != nil {
			t.Fatal(err)
		}
		if err := far.change(Crypto{spec.suite, k, k}); err != nil {
			t.Fatal(err)
		}
		packet := append(append(make([]byte, 0, 100), header...), payload...)
		sealed := bytes.Clone(g.seal(packet))
		if !bytes.Equal(sealed[:12], header) || !bytes.Equal(sealed[12:], want) {
			t.Errorf("%s: %x, want %x", spec.suite, sealed[12:], want)
		}
		now := time.Unix(1e9, 0)
		for i := range sealed {
			broken := bytes.Clone(sealed)
			broken[i] ^= 4
			if _, v := far.open(now, broken); v != forged {
				t.Errorf("%s: with byte %d changed it is taken as %d", spec.suite, i, v)
			}
		}
		plain, v := far.open(now, sealed)
		if v != authentic || !bytes.Equal(plain[12:], payload) {
			t.Errorf("%s: opened as %d %x", spec.suite, v, plain)
		}
		if _, v := far.open(now, sealed); v != replayed {
			t.Errorf("%s: a second time it is taken as %d", spec.suite, v)
		}
		report := binary.BigEndian.AppendUint32(unhex(t, "80c90001"), 0xcafebabe)
		secure := g.sealReport(report)
		if !bytes.Equal(secure[:8], report[:8]) || len(secure) == len(report) {
			t.Errorf("%s: a report as %x", spec.suite, secure)
		}
		if got, v := far.openReport(now, secure); v != authentic || !bytes.Equal(got, report) {
			t.Errorf("%s: a report opened as %d %x", spec.suite, v, got)
		}
		if _, v := far.openReport(now, secure); v != replayed {
			t.Errorf("%s: a report taken twice: %d", spec.suite, v)
		}
		secure[len(secure)-1] ^= 1
		if _, v := far.openReport(now, secure); v == authentic {
			t.Errorf("%s: a changed report is taken", spec.suite)
		}
	}
}
