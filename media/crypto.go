package media

import (
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pion/srtp/v3"
)

// Specification constants, RFC 4568.
const (
	protoRTP    = "RTP/AVP"
	protoSRTP   = "RTP/SAVP"
	maxTag      = 9   // digits of a tag, section 9.1
	maxMKI      = 128 // bytes of a master key identifier, section 6.1
	maxLifetime = 48  // a master key serves 2^48 packets at most, RFC 3711 section 9.2
)

// Implementation constants.
const (
	maxCrypto   = 64        // usable a=crypto lines kept of one stream; many peers send more than five
	maskPattern = "masked/" // what MaskKeys writes: letters of base64
)

// A Suite is a way to protect voice, by its name in RFC 4568 section 6.2 or RFC 7714 section 14.2.
type Suite string

// The suites known. Those of AEAD name their parts the other way round.
const (
	AES128SHA80 Suite = "AES_CM_128_HMAC_SHA1_80"
	AES128SHA32 Suite = "AES_CM_128_HMAC_SHA1_32"
	AES256GCM   Suite = "AEAD_AES_256_GCM"
	AES128GCM   Suite = "AEAD_AES_128_GCM"
)

// A suiteSpec is what a suite is made of.
type suiteSpec struct {
	suite     Suite
	key, salt int // bytes
	tag       int // bytes of authentication at the end of an RTP packet
	profile   srtp.ProtectionProfile
}

var suiteSpecs = []suiteSpec{
	{AES128SHA80, 16, 14, 10, srtp.ProtectionProfileAes128CmHmacSha1_80},
	{AES128SHA32, 16, 14, 4, srtp.ProtectionProfileAes128CmHmacSha1_32},
	{AES256GCM, 32, 12, 16, srtp.ProtectionProfileAeadAes256Gcm},
	{AES128GCM, 16, 12, 16, srtp.ProtectionProfileAeadAes128Gcm},
}

// spec finds a suite by its name, in any case as ABNF has it.
func (s Suite) spec() (suiteSpec, bool) {
	for _, spec := range suiteSpecs {
		if strings.EqualFold(string(spec.suite), string(s)) {
			return spec, true
		}
	}
	return suiteSpec{}, false
}

// A Key is a master key with its salt (RFC 3711 section 3.2.1). However it is printed, its text is not.
// The zero Key is none.
type Key struct{ m *master } // behind a pointer: fmt would print what it finds in fields it cannot ask

type master struct {
	secret string // key, then salt
	mki    string // master key identifier that its packets carry; "": none
}

// newKey draws a key for a suite.
func newKey(random io.Reader, spec suiteSpec) Key {
	secret := make([]byte, spec.key+spec.salt)
	if _, err := io.ReadFull(random, secret); err != nil {
		panic("media: the source of keys ended: " + err.Error())
	}
	return Key{&master{secret: string(secret)}}
}

// equal says whether packets of the one are packets of the other.
func (k Key) equal(other Key) bool {
	if k.m == nil || other.m == nil {
		return k.m == other.m
	}
	return *k.m == *other.m
}

// String returns a mask, or "" for no key.
func (k Key) String() string {
	if k.m == nil {
		return ""
	}
	return "(key)"
}

// Format prints the mask for every verb.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText gives the mask, for every encoder that asks.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// A Crypto is what protects a stream (RFC 3711): a key for each direction. The zero Crypto protects nothing.
type Crypto struct {
	Suite   Suite
	Send    Key // ours
	Receive Key // the far end's
}

// Equal says whether c and other protect with the same keys.
func (c Crypto) Equal(other Crypto) bool {
	return c.Suite == other.Suite && c.Send.equal(other.Send) && c.Receive.equal(other.Receive)
}

// A Secure says whether voice is to be encrypted.
type Secure uint8

const (
	SecureNever    Secure = iota // RTP only: encryption is neither offered nor accepted
	SecureOptional               // offered, and whatever the far end wants is accepted
	SecureRequired               // SRTP only: a stream in clear is refused
)

// A cryptoLine is one a=crypto: line we can use, theirs or ours.
type cryptoLine struct {
	tag  string
	spec suiteSpec
	key  Key
}

// attribute is the line as it is sent. It is no String: a line of keys must not print itself.
func (c cryptoLine) attribute() string {
	return fmt.Sprintf("a=crypto:%s %s inline:%s\r\n", c.tag, c.spec.suite, base64.StdEncoding.EncodeToString([]byte(c.key.m.secret)))
}

// cryptoAttribute reads a=crypto:<tag> <suite> <key> [<session parameters>], RFC 4568 section 4. A line that
// cannot be used is no fault of the description: the next one may do (section 7.1.2).
func (s *streamDescription) cryptoAttribute(line int, arg string) {
	c, why := parseCrypto(arg)
	switch {
	case why != "":
		if s.cryptoWhy == "" {
			s.cryptoWhy = fmt.Sprintf("line %d: %s", line, why)
		}
	case len(s.crypto) < maxCrypto:
		s.crypto = append(s.crypto, c)
	}
}

// parseCrypto reads the value of one a=crypto: line, and says why it cannot be used. Nothing of the key is
// in what it says.
func parseCrypto(arg string) (c cryptoLine, why string) {
	f := strings.Fields(arg)
	if len(f) < 3 {
		return c, "a=crypto: needs a tag, a suite and a key"
	}
	if !isDigits(f[0]) || len(f[0]) > maxTag {
		return c, "the tag of a=crypto: is not a number of up to nine digits"
	}
	spec, ok := Suite(f[1]).spec()
	if !ok {
		return c, "the suite " + nameOnly(f[1]) + " is not known here"
	}
	key, why := parseKey(f[2], spec)
	if why != "" {
		return c, why
	}
	for _, p := range f[3:] {
		if why := sessionParameter(p); why != "" {
			return c, why
		}
	}
	return cryptoLine{f[0], spec, key}, ""
}

// parseKey reads inline:<key and salt>[|<lifetime>][|<MKI>:<its length>], RFC 4568 section 6.1.
func parseKey(text string, spec suiteSpec) (k Key, why string) {
	const method = "inline:"
	if strings.Contains(text, ";") {
		return k, "several keys in one a=crypto: line"
	}
	if len(text) < len(method) || !strings.EqualFold(text[:len(method)], method) {
		return k, "the key of a=crypto: is not inline"
	}
	parts := strings.Split(text[len(method):], "|")
	// Some leave the padding out.
	secret, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[0], "="))
	if err != nil {
		return k, "the key of a=crypto: is not base64"
	}
	if len(secret) != spec.key+spec.salt {
		return k, fmt.Sprintf("a key and salt of %d bytes, %s needs %d", len(secret), spec.suite, spec.key+spec.salt)
	}
	m := master{secret: string(secret)}
	rest := parts[1:]
	if len(rest) > 0 && !strings.Contains(rest[0], ":") {
		if !isLifetime(rest[0]) {
			return k, "the lifetime of a key is not one to 2^48"
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		var ok bool
		if m.mki, ok = parseMKI(rest[0]); !ok || len(rest) > 1 {
			return k, "the MKI of a key is not a number and its length"
		}
	}
	return Key{&m}, ""
}

// isLifetime says whether text is a number of packets a key may serve, 2^20 or 1048576. We never outlive it: a
// call would have to last for years.
func isLifetime(text string) bool {
	if power, ok := strings.CutPrefix(text, "2^"); ok {
		n, err := strconv.ParseUint(power, 10, 8)
		return err == nil && n <= maxLifetime
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return err == nil && n > 0 && n <= 1<<maxLifetime
}

// parseMKI reads <MKI>:<its length in bytes> into the bytes that stand in packets.
func parseMKI(text string) (mki string, ok bool) {
	value, length, _ := strings.Cut(text, ":")
	v, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return "", false
	}
	n, err := strconv.ParseUint(length, 10, 8)
	if err != nil || n < 1 || n > maxMKI || n < 8 && v>>(8*n) != 0 {
		return "", false
	}
	b := make([]byte, n)
	for i := len(b) - 1; i >= 0; i-- {
		b[i], v = byte(v), v>>8
	}
	return string(b), true
}

// sessionParameter says why a line with this parameter cannot be used, "" if it can (RFC 4568 section 6.3). What
// takes protection away is refused, an advice (the window for replays, what begins with a dash) is passed over.
func sessionParameter(p string) (why string) {
	name, value, _ := strings.Cut(p, "=")
	switch {
	case strings.HasPrefix(p, "-"), strings.EqualFold(name, "WSH"), strings.EqualFold(name, "KDR") && value == "0":
		return ""
	case strings.EqualFold(p, "UNENCRYPTED_SRTP"), strings.EqualFold(p, "UNENCRYPTED_SRTCP"), strings.EqualFold(p, "UNAUTHENTICATED_SRTP"):
		return "a=crypto: asks for " + strings.ToLower(strings.ReplaceAll(p, "_", " "))
	}
	return "the parameter " + nameOnly(name) + " of a=crypto: is not known here"
}

// nameOnly is a word of an a=crypto: line that may be shown: the names of suites and parameters have no small letters,
// what has some may be a key in the wrong place.
func nameOnly(word string) string {
	for i := range len(word) {
		if c := word[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return "of that name"
		}
	}
	return fmt.Sprintf("%.40q", word)
}

// MaskKeys is a message with the keys of its a=crypto: lines replaced by text of the same length and shape: it
// can be shown and kept, and read like the message itself. The message is not changed.
func MaskKeys(message []byte) []byte {
	const method = "inline:"
	var out []byte // a copy, once there is something to mask
	for i := 0; i+len(method) <= len(message); i++ {
		if message[i]|0x20 != 'i' || !strings.EqualFold(string(message[i:i+len(method)]), method) {
			continue
		}
		if out == nil {
			out = append(out, message...)
		}
		i += len(method)
		for n := 0; i < len(message) && strings.IndexByte("|;= \t\r\n", message[i]) < 0; n, i = n+1, i+1 {
			out[i] = maskPattern[n%len(maskPattern)]
		}
		// Another key of the line follows a semicolon, with inline: of its own.
	}
	if out == nil {
		return message
	}
	return out
}
