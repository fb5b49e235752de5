package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// Implementation constants.
const (
	// hashCost makes one check cost 5 ms of a workstation's time, and below 100 ms on the slowest Pi.
	hashCost = 6

	maxPassword = 256 // bytes
)

// HashPassword turns a password into what may be kept on disk: it cannot be turned back, and each
// guess at it costs a check.
func HashPassword(password string) (string, error) {
	if password == "" {
		return "", fmt.Errorf("the password is empty")
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("the password is longer than %d bytes", maxPassword)
	}
	hash, err := bcrypt.GenerateFromPassword(digestOf(password), hashCost)
	return string(hash), err
}

// CheckPassword reports whether hash came from this password. It is slow on purpose.
func CheckPassword(hash, password string) bool {
	return len(password) <= maxPassword && bcrypt.CompareHashAndPassword([]byte(hash), digestOf(password)) == nil
}

// digestOf brings a password of any length under the 72 bytes that bcrypt looks at.
func digestOf(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return []byte(base64.RawStdEncoding.EncodeToString(sum[:]))
}

// A verifier checks passwords and remembers the last good one, so that a program which sends it with
// every request pays for one slow check only. What it remembers is useless outside this process.
type verifier struct {
	key  [32]byte
	slow sync.Mutex // held during a slow check: guessing in parallel is no faster

	mu   sync.Mutex
	hash string   // what good was checked against
	good [32]byte // HMAC of the password under key
}

func newVerifier() *verifier {
	v := &verifier{}
	rand.Read(v.key[:]) // never fails
	return v
}

// remembered reports whether password is the one that was last found good for hash.
func (v *verifier) remembered(hash, password string) bool {
	mac := v.mac(password)
	v.mu.Lock()
	defer v.mu.Unlock()
	return hash != "" && v.hash == hash && subtle.ConstantTimeCompare(mac[:], v.good[:]) == 1
}

// check is the slow check, one at a time. stillAllowed is asked once it is this one's turn.
func (v *verifier) check(hash, password string, stillAllowed func() bool) bool {
	v.slow.Lock()
	defer v.slow.Unlock()
	if hash == "" || !stillAllowed() || !CheckPassword(hash, password) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hash, v.good = hash, v.mac(password)
	return true
}

func (v *verifier) mac(password string) (sum [32]byte) {
	h := hmac.New(sha256.New, v.key[:])
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}
