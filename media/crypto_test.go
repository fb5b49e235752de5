package media

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// testKey is a key for a suite, every one of a letter different, in base64.
func testKey(suite Suite, letter byte) string {
	spec, ok := suite.spec()
	if !ok {
		panic(suite)
	}
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{letter}, spec.key+spec.salt))
}

func TestCryptoLines(t *testing.T) {
	key, long := testKey(AES128SHA80, 'k'), testKey(AES256GCM, 'k')
	for _, tt := range []struct{ arg, want string }{
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key, "1 AES_CM_128_HMAC_SHA1_80"},
		{"999999999 aes_cm_128_hmac_sha1_32 INLINE:" + key, "999999999 AES_CM_128_HMAC_SHA1_32"},
		{"2 AEAD_AES_256_GCM inline:" + long, "2 AEAD_AES_256_GCM"},
		{"2 AEAD_AES_256_GCM inline:" + strings.TrimRight(long, "="), "2 AEAD_AES_256_GCM"},
		{"3 AEAD_AES_128_GCM inline:" + testKey(AES128GCM, 'k'), "3 AEAD_AES_128_GCM"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^31", "1 AES_CM_128_HMAC_SHA1_80"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1048576|1:4", "1 AES_CM_128_HMAC_SHA1_80 mki 00000001"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|258:2", "1 AES_CM_128_HMAC_SHA1_80 mki 0102"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " WSH=64 KDR=0 -later=1", "1 AES_CM_128_HMAC_SHA1_80"},

		{"", "needs a tag"},
		{"1 AES_CM_128_HMAC_SHA1_80", "needs a tag"},
		{"x AES_CM_128_HMAC_SHA1_80 inline:" + key, "tag"},
		{"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + key, "tag"},
		{"1 F8_128_HMAC_SHA1_80 inline:" + key, `suite "F8_128_HMAC_SHA1_80"`},
		{"1 AES_256_CM_HMAC_SHA1_80 inline:" + key, "suite"},
		{"1 AES_CM_128_HMAC_SHA1_80 " + key, "not inline"},
		{"1 AES_CM_128_HMAC_SHA1_80 uri:" + key, "not inline"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key[:36], "27 bytes, AES_CM_128_HMAC_SHA1_80 needs 30"},
		{"1 AEAD_AES_256_GCM inline:" + key, "needs 44"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:", "0 bytes"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:!" + key[1:], "not base64"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|0", "lifetime"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^49", "lifetime"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|many", "lifetime"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1", "MKI"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|256:1", "MKI"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:0", "MKI"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|1:129", "MKI"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4|5", "MKI"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4;inline:" + key + "|2^20|2:4", "several keys"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNENCRYPTED_SRTP", "unencrypted srtp"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " WSH=64 UNENCRYPTED_SRTCP", "unencrypted srtcp"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " UNAUTHENTICATED_SRTP", "unauthenticated srtp"},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " KDR=20", `"KDR"`},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " FEC_ORDER=FEC_SRTP", `"FEC_ORDER"`},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key + " later=1", "of that name"},
		{"1 inline:" + key + " AES_CM_128_HMAC_SHA1_80", "the suite of that name"},
	} {
		c, why := parseCrypto(tt.arg)
		got := why
		if why == "" {
			got = fmt.Sprint(c.tag, " ", c.spec.suite)
			if mki := c.key.m.mki; mki != "" {
				got += fmt.Sprintf(" mki %x", mki)
			}
		}
		if why == "" && got != tt.want || why != "" && !strings.Contains(why, tt.want) {
			t.Errorf("%s: %s, want %s", tt.arg, got, tt.want)
		}
	}
}

// Many send more than five lines, and what cannot be used must not hide what can.
func TestManyCryptoLines(t *testing.T) {
	lines := []string{"m=audio 4000 RTP/SAVP 0"}
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("a=crypto:%d F8_128_HMAC_SHA1_80 inline:%s", i+1, testKey(AES128SHA80, 'f')))
	}
	lines = append(lines, "a=crypto:31 AES_CM_128_HMAC_SHA1_80 inline:"+testKey(AES128SHA80, 'k'))
	for i := range 2 * maxCrypto {
		lines = append(lines, fmt.Sprintf("a=crypto:%d AES_CM_128_HMAC_SHA1_32 inline:%s", i+100, testKey(AES128SHA80, 'z')))
	}
	d, err := parseSDP(offerOf(lines...))
	if err != nil {
		t.Fatal(err)
	}
	if s := d.streams[0]; len(s.crypto) != maxCrypto || s.crypto[0].tag != "31" || !strings.Contains(s.cryptoWhy, "F8_128") {
		t.Errorf("%d lines, the first %v; %s", len(s.crypto), s.crypto[0].tag, s.cryptoWhy)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	secret := strings.Repeat("s3cret", 5)
	k := Key{&master{secret: secret, mki: "s3cret"}}
	type hidden struct{ stream Stream }
	st := Stream{Crypto: Crypto{AES128SHA80, k, k}}
	raw, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	all.WriteString(string(raw))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		all.WriteString(fmt.Sprintf(verb, k) + fmt.Sprintf(verb, st) + fmt.Sprintf(verb, &st))
	}
	all.WriteString(fmt.Sprintf("%v %+v %#v", hidden{st}, hidden{st}, hidden{st}))
	_, why := parseCrypto("1 AES_CM_128_HMAC_SHA1_80 inline:" + secret)
	all.WriteString(why)
	if strings.Contains(all.String(), "s3cret") || strings.Contains(all.String(), fmt.Sprintf("%x", secret)) {
		t.Errorf("a key is printed: …%.200s", all.String()[max(0, strings.Index(all.String(), "s3cret")-100):])
	}
	if fmt.Sprint(k) != "(key)" || fmt.Sprint(Key{}) != "" {
		t.Errorf("keys are printed as %v and %v", k, Key{})
	}
}

func TestMaskKeys(t *testing.T) {
	key, long := testKey(AES128SHA80, 'k'), testKey(AES256GCM, 'k')
	message := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^20|1:4;InLine:" + key + "\r\na=crypto:2 AEAD_AES_256_GCM inline:" + long + " WSH=64\r\n" +
		"a=note:inline: " + key[:0] + "\r\na=crypto:3 X inline:" + key
	before := []byte(message)
	masked := string(MaskKeys(before))
	if strings.Contains(masked, key[:8]) || strings.Contains(masked, long[:8]) || len(masked) != len(message) {
		t.Errorf("masked to %s", masked)
	}
	if string(before) != message {
		t.Error("the message itself was changed")
	}
	for _, part := range []string{"|2^20|1:4;InLine:masked/", "= WSH=64\r\n", "X inline:masked/masked/"} {
		if !strings.Contains(masked, part) {
			t.Errorf("masked to %s without %s", masked, part)
		}
	}
	// What is masked reads as before.
	for _, suite := range []Suite{AES128SHA80, AES256GCM, AES128GCM} {
		line := "1 " + string(suite) + " inline:" + testKey(suite, 'k')
		if _, why := parseCrypto(string(MaskKeys([]byte(line)))); why != "" {
			t.Errorf("%s masked: %s", suite, why)
		}
	}
	if got := MaskKeys([]byte("no keys")); string(got) != "no keys" {
		t.Errorf("%s", got)
	}
}

// FuzzCrypto throws any value at the gate: what is taken can be written and read again, makes a cipher, and what
// is refused is refused without the key in the sentence. Masked it is taken as well.
func FuzzCrypto(f *testing.F) {
	key := testKey(AES128SHA80, 'k')
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "|2^31|1:4 WSH=64")
	f.Add("2 AEAD_AES_256_GCM inline:" + testKey(AES256GCM, 'x'))
	f.Add("1 AES_CM_128_HMAC_SHA1_32 inline:" + key + ";inline:" + key + " UNENCRYPTED_SRTP KDR=3")
	f.Add("1 inline:" + key + " AES_CM_128_HMAC_SHA1_32 " + key)
	f.Add("1 AES_CM_128_HMAC_SHA1_32 inline:" + key + " " + key + "=1")
	f.Fuzz(func(t *testing.T, arg string) {
		c, why := parseCrypto(arg)
		if why != "" {
			if strings.Contains(why, key[:12]) {
				t.Errorf("the sentence has the key: %s", why)
			}
			return
		}
		if _, why := parseCrypto(string(MaskKeys([]byte(arg)))); why != "" {
			t.Errorf("masked it is refused: %s", why)
		}
		for _, mki := range []bool{false, true} {
			if _, err := newCipher(c.spec.suite, c.key, mki); err != nil {
				t.Error(err)
			}
		}
		again, why := parseCrypto(strings.TrimPrefix(strings.TrimSpace(c.attribute()), "a=crypto:"))
		if why != "" || again.spec != c.spec || again.tag != c.tag || again.key.m.secret != c.key.m.secret {
			t.Errorf("written as %q and read as %v %s", c.attribute(), again.tag, why)
		}
	})
}
