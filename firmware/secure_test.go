package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"dialtone/config"
	"dialtone/exchange"
	"dialtone/media"
	"dialtone/web"
)

// offerShape is the protocol and the suites of a session description, without keys.
func offerShape(sdp string) string {
	var out strings.Builder
	for _, m := range regexp.MustCompile(`m=audio \d+ (\S+)|a=crypto:\d+ (\S+)`).FindAllStringSubmatch(sdp, -1) {
		out.WriteString(" " + m[1] + m[2])
	}
	return strings.TrimSpace(out.String())
}

const (
	keyA  = "YUtleVRoYXRNdXN0Tm90QmVTaG93bkFueXdoZXJl" // 30 bytes
	lineA = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + keyA + "\r\n"
)

func TestEncryptBySettings(t *testing.T) {
	for _, tt := range []struct {
		option, serv, all, method, via string
		want                           string
	}{
		{"Optional", "Yes", "No", "AES 128", "udp:10.0.0.1:5060", "1 false []"},
		{"Optional", "Yes", "No", "AES 128", "tls:10.0.0.1:5061", "1 false []"},
		{"Optional", "Yes", "Yes", "AES 128", "udp:10.0.0.1:5060", "1 true []"},
		{"Optional", "No", "Yes", "AES 128", "tls:10.0.0.1:5061", "0 false []"},
		{"Required", "Yes", "No", "AES 256 GCM", "udp:10.0.0.1:5060", "2 false [AEAD_AES_256_GCM AES_CM_128_HMAC_SHA1_80]"},
		{"Required", "No", "No", "AES 128", "udp:10.0.0.1:5060", "2 false []"},
		{"Strict", "Yes", "Yes", "AES 128", "udp:10.0.0.1:5060", "0 false []"},
		{"Strict", "Yes", "Yes", "AES 128", "tcp:10.0.0.1:5060", "0 false []"},
		{"Strict", "Yes", "No", "AES 128", "tls:10.0.0.1:5061", "2 false []"},
		{"Strict", "Yes", "No", "AES 128", "", "0 false []"},
	} {
		s := config.Default()
		for tag, value := range map[string]string{"Secure_Call_Option_1_": tt.option, "Secure_Call_Serv": tt.serv, "Secure_Call_Setting": tt.all, "Encryption_Method_1_": tt.method} {
			if err := s.Set(tag, value); err != nil {
				t.Fatal(err)
			}
		}
		var l media.Local
		if encrypt(&l, s, 1, tt.via); fmt.Sprint(l.Secure, l.SAVP, l.Suites) != tt.want {
			t.Errorf("%+v: %v %v %v", tt, l.Secure, l.SAVP, l.Suites)
		}
	}
}

// Encryption is an option, and the far end refuses what asks for it: the call goes out once more in clear, or by
// RTP/SAVP if RTP/AVP was refused, and the user sees one call. Where it is required, the refusal is the end.
func TestCalledAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		p, f := b.registered("Secure_Call_Setting=Yes"), b.server
		p.do(web.Call{To: "1002"})
		invite := f.want("a call is placed", "INVITE")
		if got := offerShape(invite.body); got != "RTP/SAVP AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32" {
			t.Errorf("offered %s", got)
		}
		f.answer(invite, 488)
		f.want("the refusal is acknowledged", "ACK")
		second := f.want("it is placed again", "INVITE")
		if got := offerShape(second.body); got != "RTP/AVP" || second.get("Call-ID") == invite.get("Call-ID") {
			t.Errorf("offered %s", got)
		}
		if calls := p.status().Calls; len(calls) != 1 || calls[0].State != "dialing" {
			t.Errorf("the user sees %+v", calls)
		}
		f.answer(second, 200, f.sdp("sendrecv"))
		f.want("the answer is acknowledged", "ACK")
		v := f.speak(second.body)
		b.after(time.Second)
		p.wantVoices("both talk in clear", v)
		v.close()
		if c := p.status().Calls[0]; c.RTP.SRTP || c.Secure || c.RTP.Suite != "" {
			t.Errorf("the call is %+v", c)
		}
		p.press("end")
		f.answer(f.want("hanging up", "BYE"), 200)
		b.after(time.Minute)

		p.do(web.Call{To: "1002"})
		f.answer(f.want("a second call", "INVITE"), 488)
		f.answer(f.want("it is placed again", "INVITE"), 488)
		b.after(time.Second)
		if c := p.status().Calls; len(c) != 1 || c[0].State != "ended" || c[0].Reason.Title != "No common codec" {
			t.Errorf("twice refused the call is %+v", c)
		}
		home(p)
	})
	inBench(t, func(b *bench) {
		p, f := b.registered(), b.server
		p.do(web.Call{To: "1002"})
		invite := f.want("a call is placed", "INVITE")
		if got := offerShape(invite.body); got != "RTP/AVP AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32" {
			t.Errorf("offered %s", got)
		}
		f.answer(invite, 606)
		second := f.want("it is placed again", "INVITE")
		if got := offerShape(second.body); got != "RTP/SAVP AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32" {
			t.Errorf("offered %s", got)
		}
		f.answer(second, 200, strings.Replace(f.sdp("sendrecv"), "RTP/AVP 0 8 101\r\n", "RTP/SAVP 0 8 101\r\n"+lineA, 1))
		f.want("the answer is acknowledged", "ACK")
		b.after(time.Second)
		if c := p.status().Calls[0]; !c.RTP.SRTP || c.State != "connected" {
			t.Errorf("the call is %+v", c)
		}
		p.press("end")
		f.answer(f.want("hanging up", "BYE"), 200)
		home(p)
	})
	inBench(t, func(b *bench) {
		p, f := b.registered("Secure_Call_Option_1_=Required"), b.server
		p.do(web.Call{To: "1002"})
		f.answer(f.want("a call is placed", "INVITE"), 488)
		b.after(time.Second)
		if f.take("INVITE") != nil {
			t.Error("a call that must be encrypted goes out in clear")
		}
		d := f.invite("1001", f.sdp("sendrecv"))
		d.want("a call in clear is refused", 488, "INVITE")
		d.request("ACK failure")
		home(p)
	})
}

// A far end encrypts by UDP: it is done, and not called secure. Its re-INVITE without an offer gets new keys, and
// neither the recording nor the log has any of them.
func TestKeysByUDP(t *testing.T) {
	inBench(t, func(b *bench) {
		p, f := b.registered("record"), b.server
		var log bytes.Buffer
		p.set.loop.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		d := f.invite("1001", strings.Replace(f.sdp("sendrecv"), "RTP/AVP 0 8 101\r\n", "RTP/SAVP 0 8 101\r\n"+lineA, 1))
		d.want("it rings", 180, "INVITE")
		p.press("talk")
		answer := d.want("it is answered", 200, "INVITE")
		d.request("ACK")
		if got := offerShape(answer.body); got != "RTP/SAVP AES_CM_128_HMAC_SHA1_80" {
			t.Errorf("answered %s", got)
		}
		b.after(time.Second)
		c := p.status().Calls[0]
		if !c.RTP.SRTP || c.RTP.Suite != "AES_CM_128_HMAC_SHA1_80" || c.Secure {
			t.Errorf("the call is %+v", c)
		}
		p.wantScreen("it is no secure call", "Connected")
		d.request("INVITE")
		offer := d.want("an offer is asked for", 200, "INVITE")
		if got := offerShape(offer.body); got != "RTP/AVP AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32" {
			t.Errorf("offered %s", got)
		}
		d.request("ACK", strings.Replace(f.sdp("sendrecv"), "RTP/AVP 0 8 101\r\n", "RTP/AVP 0 8 101\r\n"+lineA, 1))
		b.after(time.Second)
		if c := p.status().Calls[0]; !c.RTP.SRTP {
			t.Errorf("with new keys the call is %+v", c)
		}
		p.press("end")
		f.answer(f.want("hanging up", "BYE"), 200)
		b.after(time.Minute)
		p.stop()
		keys := []string{keyA}
		for _, m := range regexp.MustCompile(`inline:(\S+)`).FindAllStringSubmatch(answer.body+offer.body, -1) {
			keys = append(keys, m[1])
		}
		if len(keys) != 4 {
			t.Fatalf("keys %q", keys)
		}
		var seen strings.Builder // the recording has messages in base64
		for _, m := range regexp.MustCompile(`"Data":"([^"]*)"`).FindAllStringSubmatch(p.recording.String(), -1) {
			text, err := base64.StdEncoding.DecodeString(m[1])
			if err != nil {
				t.Fatal(err)
			}
			seen.Write(text)
		}
		if !strings.Contains(seen.String(), "inline:masked/") || !strings.Contains(log.String(), "inline:masked/") {
			t.Error("the messages with keys are missing")
		}
		for _, key := range keys {
			for name, text := range map[string]string{"recording": p.recording.String() + seen.String(), "log": log.String()} {
				if strings.Contains(text, key) || strings.Contains(text, key[:20]) {
					t.Errorf("the %s has a key", name)
				}
			}
		}
		p.wantReplay()
	})
}

// Two phones by TLS: the call is secure, on the screen, in the status and after a hold.
func TestSecureCall(t *testing.T) {
	for _, settings := range [][]string{
		{"Secure_Call_Option_1_=Optional"},
		{"Secure_Call_Option_1_=Strict", "Encryption_Method_1_=AES 256 GCM"},
	} {
		inBench(t, func(b *bench) {
			ca, err := exchange.NewTestCA("example.test")
			if err != nil {
				t.Fatal(err)
			}
			b.trust = &tls.Config{RootCAs: ca.Roots()}
			b.exchangeWith(func(cfg *exchange.Config) {
				cfg.TLS = ca.Server()
				for i := range cfg.Proxies {
					cfg.Proxies[i].TLSPort = 5061
				}
			})
			settings = append([]string{"Proxy_1_=example.test", "SIP_Transport_1_=TLS"}, settings...)
			one := b.newDesk("1001", "10.0.0.51", settings...).start()
			two := b.newDesk("1002", "10.0.0.52", settings...).start()
			b.after(2 * time.Second)
			one.do(web.Call{To: "1002"})
			b.within("it rings", 2*time.Second, func() bool { return two.shows("Incoming") })
			two.press("talk")
			b.within("it is a secure call", time.Second, func() bool { return one.shows("Secure") && two.shows("Secure") })
			b.after(time.Second)
			one.press("hold")
			b.after(time.Second)
			if !one.shows("On hold") {
				t.Error("no hold")
			}
			one.press("hold")
			b.after(2 * time.Second)
			suite := map[bool]string{false: "AES_CM_128_HMAC_SHA1_80", true: "AEAD_AES_256_GCM"}[len(settings) == 4]
			for _, p := range []*desk{one, two} {
				p.wantScreen("still secure", "Secure")
				if c := p.status().Calls[0]; !c.Secure || c.RTP.Suite != suite || c.RTP.RxForged != 0 || c.RTP.RxPackets < 100 {
					t.Errorf("the call is %+v", c)
				}
			}
			one.press("end")
			b.after(2 * time.Second)
			one.stop()
			two.stop()
		})
	}
}
