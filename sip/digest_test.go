package sip

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// The examples of RFC 2617 section 3.5, RFC 7616 section 3.9.1, RFC 7616 section 3.9.2 as corrected by its erratum 4897 (without
// its userhash), and one without qop.
func TestDigestVectors(t *testing.T) {
	for _, c := range []struct {
		rfc, user    string
		password     Secret
		method, want string
		with         digestCredentials
	}{
		{"RFC 2617", "Mufasa", "Circle Of Life", "GET", "6629fae49393a05397450978507c4ef1", digestCredentials{
			realm: "testrealm@host.com", nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", uri: "/dir/index.html", qop: "auth", count: "00000001", cnonce: "0a4f113b"}},
		{"RFC 2617 without qop", "Mufasa", "Circle Of Life", "GET", "670fd8c2df070c60b045671b8b24ff02", digestCredentials{
			realm: "testrealm@host.com", nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", uri: "/dir/index.html"}},
		{"RFC 7616 MD5", "Mufasa", "Circle of Life", "GET", "8ca523f5e9506fed4657c9700eebdbec", digestCredentials{algorithm: "MD5",
			realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri: "/dir/index.html", qop: "auth",
			count: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"}},
		{"RFC 7616 SHA-256", "Mufasa", "Circle of Life", "GET", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", digestCredentials{algorithm: "SHA-256",
			realm: "http-auth@example.org", nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri: "/dir/index.html", qop: "auth",
			count: "00000001", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"}},
		{"RFC 7616 SHA-512-256", "Jäsøn Doe", "Secret, or not?", "GET", "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5", digestCredentials{
			algorithm: "SHA-512-256", realm: "api@example.org", nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", uri: "/doe.json", qop: "auth",
			count: "00000001", cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"}},
	} {
		if got := c.with.digest(c.method, c.user, c.password); got != c.want {
			t.Errorf("%s: %s, want %s", c.rfc, got, c.want)
		}
	}
}

func TestParseChallenges(t *testing.T) {
	long := strings.Repeat("x", digestMaxValue)
	for _, c := range []struct {
		sentence, in, want string
	}{
		{"the least", `Digest realm="r", nonce="n"`, "r n  false"},
		{"every usual parameter", `Digest  realm = "r" , nonce="n",opaque="", algorithm=SHA-256,qop="auth-int, auth",stale=TRUE,domain="sip:a b"`, "r n SHA-256 true stale opaque"},
		{"qop without quotes", `digest realm="r",nonce="n",qop=auth`, "r n  true"},
		{"an algorithm in quotes", `Digest realm="r",nonce="n",algorithm="md5"`, "r n md5 false"},
		{"an empty qop, which is none", `Digest realm="r",nonce="n",qop=""`, "r n  false"},
		{"commas and escapes in quotes", `Digest realm="a, \"b\" c=d", nonce="n,m"`, `a, \"b\" c=d n,m  false`},
		{"two challenges in one header", `Digest realm="r", nonce="n", algorithm=MD5, Digest realm="r", nonce="m", algorithm=SHA-256`, "r n MD5 false|r m SHA-256 false"},
		{"another scheme before", `Basic realm="x", Digest realm="r", nonce="n"`, "r n  false"},
		{"an unknown algorithm beside a known one", `Digest realm="r", nonce="n", algorithm=MD5-sess, Digest realm="r", nonce="m"`, "r m  false"},
		{"stray commas", `Digest ,realm="r",, nonce="n",`, "r n  false"},
		{"an unknown parameter", `Digest realm="r", nonce="n", x=y`, "r n  false"},
		{"nothing", ``, "malformed challenge"},
		{"only another scheme", `Basic realm="x"`, "no Digest challenge"},
		{"no realm", `Digest nonce="n"`, "challenge without realm or nonce"},
		{"no nonce", `Digest realm="r"`, "challenge without realm or nonce"},
		{"an empty nonce", `Digest realm="r", nonce=""`, "challenge without realm or nonce"},
		{"a repeated nonce", `Digest realm="r", nonce="n", Nonce="m"`, "challenge with a repeated parameter"},
		{"only an unknown algorithm", `Digest realm="r", nonce="n", algorithm=MD5-sess`, "challenge with an unknown algorithm"},
		{"only auth-int", `Digest realm="r", nonce="n", qop="auth-int"`, "challenge without qop auth"},
		{"no scheme", `realm="r", nonce="n"`, "malformed challenge"},
		{"an open quote", `Digest realm="r, nonce="n`, "malformed challenge"},
		{"an open escape", `Digest realm="r\", nonce=n`, "malformed challenge"},
		{"no comma", `Digest realm="r" nonce="n"`, "malformed challenge"},
		{"no value", `Digest realm=, nonce="n"`, "malformed challenge"},
		{"a control character", "Digest realm=\"r\\\x00\", nonce=\"n\"", "malformed challenge"},
		{"too much", `Digest realm="` + long + `", nonce="n"`, "challenge too long"},
		{"too many parameters", `Digest realm="r", nonce="n"` + strings.ReplaceAll(manyParams(digestMaxParams)+";z", ";", "=1, ")[2:] + "=1", "challenge too long"},
		{"too many schemes", strings.Repeat("Digest,", digestMaxAuth+1), "challenge too long"},
	} {
		all, err := parseChallenges(c.in)
		var got []string
		for _, d := range all {
			s := fmt.Sprintf("%s %s %s %t", d.realm, d.nonce, d.algorithm, d.qop)
			if d.stale {
				s += " stale"
			}
			if d.hasOpaque {
				s += " opaque"
			}
			got = append(got, s)
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, want %q", c.sentence, strings.Join(got, "|"), c.want)
		}
	}
}

// authTest is a line in conversation with a server that challenges it.
type authTest struct {
	t       *testing.T
	session authSession
	random  io.Reader
}

func newAuthTest(t *testing.T) *authTest {
	return &authTest{t: t, random: strings.NewReader(strings.Repeat("01234567abcdefgh", 100))}
}

func (a *authTest) response(code int, challenges ...string) *sipmsg.Response {
	r := sipmsg.NewResponse(code, "")
	for _, c := range challenges {
		name := "WWW-Authenticate"
		if code == 407 {
			name = "Proxy-Authenticate"
		}
		r.AppendHeader(sipmsg.NewHeader(name, c))
	}
	return r
}

func (a *authTest) wantRetry(sentence string, code int, challenges ...string) {
	a.t.Helper()
	if retry, why := a.session.learn(a.response(code, challenges...), false); !retry || why != "" {
		a.t.Errorf("%s: retry %t, %s", sentence, retry, why)
	}
}

func (a *authTest) wantEnd(sentence, want string, code int, challenges ...string) {
	a.t.Helper()
	if retry, why := a.session.learn(a.response(code, challenges...), true); retry || why != want {
		a.t.Errorf("%s: retry %t, %q, want %q", sentence, retry, why, want)
	}
}

// authorize returns the credentials that a REGISTER gets.
func (a *authTest) authorize() (values []string) {
	a.t.Helper()
	var to sipmsg.Uri
	if err := sipmsg.ParseUri("sip:example.test;transport=tcp", &to); err != nil {
		a.t.Fatal(err)
	}
	req := sipmsg.NewRequest(sipmsg.REGISTER, to)
	req.AppendHeader(sipmsg.NewHeader("Authorization", "old"))
	req.AppendHeader(sipmsg.NewHeader("Proxy-Authorization", "old"))
	req.AppendHeader(sipmsg.NewHeader("Authorization", "older"))
	if err := a.session.authorize(req, `al"ice`, "secret", a.random); err != nil {
		a.t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range req.GetHeaders(name) {
			values = append(values, name+": "+h.Value())
		}
	}
	return values
}

func (a *authTest) wantCredentials(sentence string, want ...string) {
	a.t.Helper()
	got := a.authorize()
	if len(got) != len(want) {
		a.t.Fatalf("%s: %q", sentence, got)
	}
	for i := range want {
		for part := range strings.SplitSeq(want[i], " ... ") {
			if !strings.Contains(got[i], part) {
				a.t.Errorf("%s: %s\nlacks %s", sentence, got[i], part)
			}
		}
	}
}

func TestAuthorize(t *testing.T) {
	a := newAuthTest(t)
	a.wantCredentials("before any challenge there are none")
	a.wantRetry("a challenge is answered", 401, `Digest realm="r", nonce="n1", opaque="o", qop="auth", algorithm=MD5`)
	a.wantCredentials("its parameters come back",
		`Authorization: Digest username="al\"ice", realm="r", nonce="n1", uri="sip:example.test;transport=tcp", response=" ... , algorithm=MD5, cnonce="3031323334353637", qop=auth, nc=00000001, opaque="o"`)
	a.wantCredentials("the same nonce is counted, with a fresh client nonce", `cnonce="6162636465666768", qop=auth, nc=00000002`)
	a.wantRetry("a proxy challenges too", 407, `Digest realm="p", nonce="n2"`)
	a.wantCredentials("both get their own", `Authorization: ... realm="r" ... nc=00000003`, `Proxy-Authorization: ... realm="p", nonce="n2"`)
	if got := a.authorize()[1]; strings.Contains(got, "cnonce") || strings.Contains(got, "algorithm") || strings.Contains(got, "opaque") {
		t.Errorf("what was not offered is not sent: %s", got)
	}
}

func TestAuthTakesTheStrongestOfEachRealm(t *testing.T) {
	a := newAuthTest(t)
	a.wantRetry("several algorithms", 401, `Digest realm="r", nonce="m", algorithm=MD5`, `Digest realm="r", nonce="s5", algorithm=SHA-512-256, Digest realm="r", nonce="s", algorithm=sha-256`,
		`Digest realm="q", nonce="k"`, `Digest realm="r", nonce="x", algorithm=SHA-3`, `nonsense`)
	a.wantCredentials("the strongest for r, the only one for q", `realm="r", nonce="s5" ... algorithm=SHA-512-256`, `realm="q", nonce="k"`)
}

func TestAuthKnowsWhenToStop(t *testing.T) {
	n := 0
	fresh := func() string { n++; return fmt.Sprintf(`Digest realm="r", nonce="n%d", qop="auth"`, n) }
	a := newAuthTest(t)
	a.wantEnd("a challenge without challenge", "a challenge without WWW-Authenticate", 401)
	a.wantEnd("a challenge nobody can answer", "challenge with an unknown algorithm", 401, `Digest realm="r", nonce="n", algorithm=X`)
	a.wantRetry("a first challenge", 401, fresh())
	a.authorize()
	a.wantEnd("credentials just refused are not sent again", "the server refuses the user name or password", 401, fresh())
	a.authorize()
	a.wantEnd("nor later", "the server refuses the user name or password", 401, fresh())

	a = newAuthTest(t)
	a.wantRetry("a first challenge", 401, fresh())
	a.authorize()
	a.wantRetry("a request without these credentials, or to a server with nonces of its own, is refused nothing", 401, fresh())

	a = newAuthTest(t)
	a.wantRetry("a first challenge", 401, fresh())
	a.authorize()
	a.wantEnd("success is no reason to retry", "", 200)
	a.wantRetry("a nonce that was good once may expire without the word stale", 401, fresh())
	a.authorize()
	a.authorize()
	a.wantRetry("so may one used twice", 401, fresh())
	a.authorize()
	a.wantRetry("stale is a reason to try again", 401, fresh()+", stale=true")
	a.wantCredentials("from the start", "nc=00000001")
	a.wantRetry("twice", 401, fresh()+", stale=true")
	a.authorize()
	a.wantRetry("three times", 401, fresh()+", stale=true")
	a.authorize()
	a.wantEnd("but not for ever", "the server calls every nonce stale", 401, fresh()+", stale=true")

	a = newAuthTest(t)
	a.wantRetry("a first challenge", 401, `Digest realm="r", nonce="same", qop="auth"`)
	a.authorize()
	a.authorize()
	a.wantEnd("the same nonce again, not stale, is a refusal", "the server refuses the user name or password", 401, `Digest realm="r", nonce="same", qop="auth"`)
	a.wantCredentials("and its count goes on", "nc=00000003")

	a = newAuthTest(t)
	a.wantRetry("a first challenge", 401, fresh())
	a.authorize()
	a.wantRetry("another realm on the way is another matter", 407, `Digest realm="r", nonce="p"`)
}

func TestAuthRemembersFewRealms(t *testing.T) {
	a := newAuthTest(t)
	for i := range 20 {
		a.wantRetry("each realm is answered", 401, fmt.Sprintf(`Digest realm="r%d", nonce="n"`, i))
	}
	a.wantRetry("a proxy has its own", 407, `Digest realm="p", nonce="n"`)
	a.wantCredentials("the last four and the proxy's", `realm="r16"`, `realm="r17"`, `realm="r18"`, `realm="r19"`, `realm="p"`)
}

func TestAuthorizeNeedsRandom(t *testing.T) {
	a := newAuthTest(t)
	a.wantRetry("a challenge", 401, `Digest realm="r", nonce="n", qop="auth"`)
	err := a.session.authorize(sipmsg.NewRequest(sipmsg.BYE, sipmsg.Uri{Host: "h"}), "u", "p", strings.NewReader("short"))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without random: %v", err)
	}
}

func TestDigestServer(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	random := rand.NewChaCha8([32]byte{1})
	var server digestServer
	var client authSession
	uri := sipmsg.Uri{Scheme: "sip", User: "phone", Host: "192.0.2.1"}
	request := func() *sipmsg.Request { return sipmsg.NewRequest(sipmsg.NOTIFY, uri) }
	challenge := func(stale bool) *sipmsg.Response {
		resp := sipmsg.NewResponse(401, "Unauthorized")
		if err := server.challenge(resp, "dialtone", stale, now, random); err != nil {
			t.Fatal(err)
		}
		return resp
	}
	want := func(sentence string, req *sipmsg.Request, want digestVerdict) {
		t.Helper()
		if got := server.verify(req, "dialtone", "alice", "secret", now); got != want {
			t.Errorf("%s: %d, want %d", sentence, got, want)
		}
	}
	authorized := func(user string, password Secret) *sipmsg.Request {
		req := request()
		if err := client.authorize(req, user, password, random); err != nil {
			t.Fatal(err)
		}
		return req
	}
	want("no credentials", request(), digestNone)
	resp := challenge(false)
	if h := resp.GetHeaders("WWW-Authenticate"); len(h) != 2 || !strings.Contains(h[0].Value(), "SHA-256") || !strings.Contains(h[1].Value(), "MD5") {
		t.Fatalf("the challenge is %v", h)
	}
	if retry, why := client.learn(resp, false); !retry {
		t.Fatal(why)
	}
	good := authorized("alice", "secret")
	want("the right password", good, digestGood)
	want("the same credentials again", good, digestStale)
	want("the next count", authorized("alice", "secret"), digestGood)
	want("the wrong password", authorized("alice", "Secret"), digestWrong)
	want("the wrong user", authorized("bob", "secret"), digestWrong)
	late := authorized("alice", "secret")
	other := request()
	other.Method = sipmsg.BYE
	other.AppendHeader(late.GetHeader("Authorization"))
	want("credentials of another method", other, digestWrong)
	now = now.Add(digestNonceLife + time.Millisecond)
	want("an old nonce", late, digestStale)
	now = now.Add(-time.Hour)
	want("a nonce of the future", late, digestStale)
	if retry, why := client.learn(challenge(true), true); !retry {
		t.Fatal(why)
	}
	want("a new nonce", authorized("alice", "secret"), digestGood)
	// MD5 for those who know no other.
	md5 := challenge(false)
	md5.RemoveHeader("WWW-Authenticate")
	client = authSession{}
	client.learn(md5, false)
	want("MD5", authorized("alice", "secret"), digestGood)
	if v := server.verify(authorized("alice", ""), "dialtone", "alice", "", now); v != digestWrong {
		t.Errorf("an empty password opens the door: %d", v)
	}
	for range 3 * digestMaxSeen {
		client.learn(challenge(true), true)
		want("many nonces", authorized("alice", "secret"), digestGood)
	}
	if len(server.seen) > digestMaxSeen {
		t.Errorf("%d nonces are remembered", len(server.seen))
	}
	stranger := request()
	stranger.AppendHeader(sipmsg.NewHeader("Authorization", `Digest username="alice", realm="dialtone", nonce="00", uri="x", response="", qop=auth, nc=1, cnonce="c"`))
	want("made-up credentials", stranger, digestWrong)
	if err := server.challenge(sipmsg.NewResponse(401, ""), "r", false, now, strings.NewReader("")); err == nil {
		t.Error("a challenge without random")
	}
}

func TestSecretIsMasked(t *testing.T) {
	s := Secret("hunter2")
	text, err := json.Marshal(map[string]any{"s": s, "in": struct{ P Secret }{s}})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprint(s, &s, []Secret{s}, struct{ P Secret }{s}) + fmt.Sprintf("%s %v %+v %#v %q %x %X %d %10s", s, s, s, s, s, s, s, s, s) + string(text) + s.String() + s.GoString()
	for _, leak := range []string{"hunter2", "68756e74657232", "68756E74657232", "104 117"} {
		if strings.Contains(all, leak) {
			t.Errorf("%s leaks in %s", leak, all)
		}
	}
	if s.Reveal() != "hunter2" || Secret("").String() != "" {
		t.Error("Reveal or the empty secret is wrong")
	}
}

// FuzzChallenge: no challenge makes a session panic, leak or send more than it should; what it sends can be read again.
func FuzzChallenge(f *testing.F) {
	for _, s := range []string{`Digest realm="r", nonce="n", opaque="o", qop="auth,auth-int", algorithm=SHA-256, stale=false`, `Digest realm="a\"b", nonce="\\"`,
		`Basic realm="x", Digest realm="r",nonce="n"`, `Digest realm=r,nonce=n,qop=auth,Digest realm=r,nonce=m,algorithm=md5`, `Negotiate YII=`, `Digest ,,=`} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, value string, proxy bool) {
		code, name := 401, "WWW-Authenticate"
		if proxy {
			code, name = 407, "Proxy-Authenticate"
		}
		resp := sipmsg.NewResponse(code, "")
		resp.AppendHeader(sipmsg.NewHeader(name, value))
		var s authSession
		retry, why := s.learn(resp, false)
		if retry == (why != "") {
			t.Fatalf("retry %t, %q", retry, why)
		}
		req := sipmsg.NewRequest(sipmsg.INVITE, sipmsg.Uri{Host: "h"})
		if err := s.authorize(req, `u"\`, "hunter2", strings.NewReader(strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
		sent := append(req.GetHeaders("Authorization"), req.GetHeaders("Proxy-Authorization")...)
		if retry != (len(sent) > 0) || len(sent) > authMaxRealms {
			t.Fatalf("retry %t with %d credentials", retry, len(sent))
		}
		for _, h := range sent {
			if len(h.Value()) > digestMaxValue {
				continue // longer than its challenge, and than what we read ourselves
			}
			c, err := parseCredentials(h.Value())
			if err != nil || c.username != `u"\` || gateIsControl(h.Value()) {
				t.Fatalf("%q gives %q: %v", value, h.Value(), err)
			}
		}
		if retry, _ := s.learn(resp, true); retry {
			c, _ := parseChallenges(value)
			stale := false
			for _, c := range c {
				stale = stale || c.stale
			}
			if !stale {
				t.Fatalf("the same challenge again is answered: %q", value)
			}
		}
	})
}
