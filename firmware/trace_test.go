package main

import (
	"strings"
	"testing"

	"dialtone/web"
)

func TestRedacted(t *testing.T) {
	got := redacted([]byte("INVITE sip:a@b SIP/2.0\r\nproxy-authorization : Digest username=\"u\",\r\n response=\"s3cret\"\r\nAuthorization: Digest s3cret\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n"))
	if strings.Contains(got, "s3cret") || !strings.Contains(got, "CSeq: 1 INVITE\r\n\r\nv=0") {
		t.Errorf("redacted to %q", got)
	}
}

func TestWithoutPasswords(t *testing.T) {
	for in, want := range map[string]string{
		"<flat-profile><Password_1_ ua=\"na\">s3cret</Password_1_><User_ID_1_>u</User_ID_1_></flat-profile>": "<flat-profile><Password_1_ ua=\"na\">" + recordedSecret + "</Password_1_><User_ID_1_>u</User_ID_1_></flat-profile>",
		"<flat-profile><Password_1_><![CDATA[s3cret]]></Password_1_></flat-profile>":                         "<flat-profile><Password_1_>" + recordedSecret + "</Password_1_></flat-profile>",
		"<flat-profile><password_1_><!-- c -->s3cret<!-- d --></password_1_></flat-profile>":                 "<flat-profile><password_1_>" + recordedSecret + "</password_1_></flat-profile>",
		"<flat-profile><Password_1_/><Proxy_1_>p</Proxy_1_></flat-profile>":                                  "<flat-profile><Password_1_/><Proxy_1_>p</Proxy_1_></flat-profile>",
		"<flat-profile><Password_1_>s3cret":                                                                  "<flat-profile><Password_1_>",
	} {
		if got := string(withoutPasswords([]byte(in))); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", in, got, want)
		}
	}
	c := withoutSecrets(command{Resync: &web.Resync{URL: "http://u:s3cret@host/x"}}).(command)
	if strings.Contains(c.Resync.URL, "s3cret") {
		t.Errorf("the rule of a resync is recorded as %s", c.Resync.URL)
	}
}
