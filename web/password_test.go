package web

import (
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestPassword(t *testing.T) {
	for _, p := range []string{testPassword, "a", strings.Repeat("x", 200), "пароль\x00", strings.Repeat("x", maxPassword)} {
		hash, err := HashPassword(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(hash, p) && len(p) > 1 {
			t.Errorf("the password is in its hash %q", hash)
		}
		if !CheckPassword(hash, p) {
			t.Errorf("%.20q is not recognised", p)
		}
		for _, wrong := range []string{"", p + "x", p[:len(p)-1], strings.ToUpper(p) + "!"} {
			if CheckPassword(hash, wrong) {
				t.Errorf("%.20q is taken for %.20q", wrong, p)
			}
		}
	}
	for _, p := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := HashPassword(p); err == nil {
			t.Errorf("a password of %d bytes is hashed", len(p))
		}
	}
	for _, hash := range []string{"", "x", testPassword, "$2a$08$short"} {
		if CheckPassword(hash, testPassword) || CheckPassword(hash, "") {
			t.Errorf("a password is found right by the hash %q", hash)
		}
	}
	hash, err := HashPassword(testPassword)
	if err != nil {
		t.Fatal(err)
	}
	if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost != hashCost {
		t.Errorf("the cost is %d, %v", cost, err)
	}
}

func TestVerifierRemembers(t *testing.T) {
	v := newVerifier()
	hash := hashOf()
	allowed := func() bool { return true }
	if v.remembered(hash, testPassword) || v.remembered("", "") {
		t.Error("a password is remembered before it was checked")
	}
	if v.check(hash, "wrong", allowed) || v.remembered(hash, "wrong") {
		t.Error("a wrong password is remembered")
	}
	if !v.check(hash, testPassword, allowed) || !v.remembered(hash, testPassword) {
		t.Error("a good password is not remembered")
	}
	if v.remembered(hash, "wrong") || v.remembered("another hash", testPassword) {
		t.Error("something else is remembered")
	}
	if v.check(hash, testPassword, func() bool { return false }) {
		t.Error("who has to wait is checked all the same")
	}
}

// Guessing in parallel must not get around the throttle.
func TestGuessingInParallel(t *testing.T) {
	d := newDesk(t)
	var wg sync.WaitGroup
	codes := make([]int, 20)
	for i := range codes {
		wg.Go(func() { codes[i] = d.send("GET", "/api/v1/status", "", password("wrong")).Code })
	}
	wg.Wait()
	looked := 0
	for _, code := range codes {
		if code == 401 {
			looked++
		}
	}
	if looked != freeFailures {
		t.Errorf("of %d guesses at once %d were looked at, want %d", len(codes), looked, freeFailures)
	}
}

func BenchmarkCheckPassword(b *testing.B) {
	hash, err := HashPassword(testPassword)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		CheckPassword(hash, testPassword)
	}
}

func BenchmarkRemembered(b *testing.B) {
	v := newVerifier()
	v.check(hashOf(), testPassword, func() bool { return true })
	for b.Loop() {
		v.remembered(hashOf(), testPassword)
	}
}
