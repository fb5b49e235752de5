package config

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// samples are valid texts of the kinds that have a grammar; other kinds get random characters.
var samples = map[string][]string{
	"Token": {"iLBC", "x-y.z"}, "MIME": {"application/dtmf-relay", "text/x"}, "UserID": {"1001", "alice+b%20;c=d&e", "+49-30"},
	"URI": {"sip:a@b;x=y", "sips:a@[::1]", "1&2", "$PROXY"}, "Phone": {"*97", "sip:a@b"}, "Host": {"a.test", "a.test:53", "[::1]:53", "$PROXY"},
	"Proxy": {"a.test", "a:SRV=10.0.0.1:5060:p=0|b:w=5:A=1.2.3.4,5.6.7.8", "a:5060:A=1.2.3.4"}, "IP": {"192.0.2.1", "2001:db8::1"},
	"IPv4": {"192.0.2.1"}, "IPv6": {"2001:db8::1"}, "URL": {"http://a/b?c=d&e=f", "/x"}, "Intervals": {"0", "60,120+30,9"}, "Numbers": {"66,1", "17"},
	"HHmm": {"0000", "2400"}, "Date": {"12/31/2026", "1/1"}, "Clock": {"23:59", "0/0/0"}, "Offset": {"-01/30", "14/00"}, "TimeZone": {"GMT", "GMT+05:30"},
	"DSTRule": {"start=4/1/0;end=10/31/0/3:0:0;save=-0:30"}, "StarCode": {"*69", "#", "**"}, "RscTmplt": {"503", "404, 5*"},
	"ToneScript": {"440@-10;*(1/.1/1)"}, "CadScript": {"*(1/1)"}, "RingScript": {"n=A & B;w=1;c=2"}, "DialPlan": {"(x.|<9:>xx<:@a>)", "(1&2)"}, "Group": {"a b"},
}

// someText is any text a parameter can hold, of at most n bytes.
func someText(r *rand.Rand, n int) string {
	alphabet := []rune("abz019 .,;:<>&\"'|`$()[]{}*#@/\\=%ßé電😀\u00a0\ufffd--]]>")
	var b strings.Builder
	for range r.IntN(40) {
		if c := string(alphabet[r.IntN(len(alphabet))]); b.Len()+len(c) <= n {
			b.WriteString(c)
		}
	}
	text := strings.TrimSpace(b.String())
	if text == `""` || masked(text) {
		return ""
	}
	return text
}

// someValue is a random valid text for a parameter, as Get would give it.
func someValue(r *rand.Rand, e *entry) string {
	switch {
	case len(e.Options) > 0:
		return e.Options[r.IntN(len(e.Options))]
	case e.Type == "Time":
		unit := time.Second
		for range e.decimals {
			unit /= 10
		}
		return formatSeconds((e.shortest + time.Duration(r.Int64N(int64(e.longest-e.shortest)+1))).Truncate(unit))
	case e.Type == "Number" || e.Type == "Port" || e.Type == "Hex":
		return e.formatNumber(e.min + r.Int64N(e.max-e.min+1))
	case e.Type == "Optional":
		return fmt.Sprint(e.ranges[len(e.ranges)-1].min)
	case r.IntN(4) == 0 && !e.keepsEmpty:
		return ""
	case e.Secret:
		return "key " + someText(r, e.maxLen-4) + "."
	}
	if list, ok := samples[e.Type]; ok {
		return list[r.IntN(len(list))]
	}
	return someText(r, e.maxLen)
}

// someSettings are random valid settings with some access rights changed.
func someSettings(t *testing.T, r *rand.Rand) Settings {
	s := Default()
	for _, e := range table.entries {
		if r.IntN(3) == 0 {
			continue
		}
		text := someValue(r, e)
		if err := s.Set(e.Tag, text); err != nil {
			t.Fatalf("%s: the value %q made for the test: %v", e.Tag, text, err)
		}
		if got, _ := s.Get(e.Tag); got != text {
			t.Fatalf("%s is set to %q and gives %q", e.Tag, text, got)
		}
		if r.IntN(5) == 0 {
			e.setAccess(&s, []string{"na", "ro", "rw"}[r.IntN(3)])
		}
	}
	if len(s.Access) == 0 {
		s.Access = nil
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	roundTrip := func(sentence string, s, base Settings) {
		t.Helper()
		got, report, err := Parse(Dump(s, DumpOptions{Secrets: true}), base)
		if err != nil || len(report.Refused) > 0 || report.Unknown > 0 {
			t.Fatalf("%s: %v, %v, unknown %v", sentence, err, report.Refused, report.UnknownTags)
		}
		if base.System.AdminPassword != "" && s.System.AdminPassword == "" {
			s.System.AdminPassword = base.System.AdminPassword // never cleared by a profile
		}
		wantEqual(t, sentence, got, s)
	}
	roundTrip("the defaults come back", Default(), Default())
	r := rand.New(rand.NewPCG(1, 2))
	last := Default()
	for i := range 12 {
		s := someSettings(t, r)
		roundTrip(fmt.Sprintf("settings %d come back", i), s, Default())
		roundTrip(fmt.Sprintf("settings %d come back over others", i), s, last)
		last = s
	}
}

// TestDumpWithoutSecrets is the rule for masked secrets: they are comments, so that giving the dump back
// leaves the real ones alone.
func TestDumpWithoutSecrets(t *testing.T) {
	s := someSettings(t, rand.New(rand.NewPCG(3, 4)))
	for _, e := range table.entries {
		if e.Secret {
			if err := s.Set(e.Tag, "hunter2 "+e.Tag); err != nil {
				t.Fatal(err)
			}
		}
	}
	dump := Dump(s, DumpOptions{})
	if strings.Contains(string(dump), "hunter2") {
		t.Error("the dump shows a secret")
	}
	if strings.Contains(string(dump), "IKM_HTTP_Encrypt_Content") {
		t.Error("the dump shows a parameter that is for profiles only")
	}
	if !strings.Contains(string(dump), "\n<!-- <Password_1_ ua=\"") {
		t.Error("a password is no comment")
	}
	got, report, err := Parse(dump, s)
	if err != nil || len(report.Applied) > 0 || len(report.Access) > 0 {
		t.Errorf("a dump given back changes %v %v, %v", report.Applied, report.Access, err)
	}
	wantEqual(t, "a dump given back changes nothing", got, s)
}

func TestDumpLooks(t *testing.T) {
	s := Default()
	s.Line[0].DisplayName = `A & B <"x">`
	dump := string(Dump(s, DumpOptions{Secrets: true}))
	for _, want := range []string{
		"<flat-profile>\n\n<!-- System: System Configuration -->\n<Restricted_Access_Domains ua=\"na\"/>\n",
		"\n<!-- Ext 1: SIP Settings -->\n<SIP_Transport_1_ ua=\"na\">UDP</SIP_Transport_1_> <!-- available options: UDP|TCP|TLS|AUTO -->\n<SIP_Port_1_ ua=\"na\">5060</SIP_Port_1_>\n",
		"<Display_Name_1_ ua=\"na\">A &amp; B &lt;\"x\"&gt;</Display_Name_1_>\n",
		"<Speed_Dial_2_Name ua=\"rw\">\"\"</Speed_Dial_2_Name>\n",
		"<SIP_T1 ua=\"na\">0.5</SIP_T1>\n", "<RTP_Packet_Size ua=\"na\">0.02</RTP_Packet_Size>\n",
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("the dump lacks %q", want)
		}
	}
	if !strings.HasSuffix(dump, "\n\n</flat-profile>\n") {
		t.Error("the dump does not end as it should")
	}
	// Page order is the order of the table.
	at := 0
	for _, p := range Params() {
		i := strings.Index(dump[at:], "<"+p.Tag+" ")
		if i < 0 {
			t.Fatalf("%s is not in its place", p.Tag)
		}
		at += i
	}
}

// TestFullSettingsFit holds the longest values against the limit of a profile: what the phone stores it
// must be able to read.
func TestFullSettingsFit(t *testing.T) {
	s := Default()
	for _, e := range table.entries {
		if len(e.Options) > 0 || e.maxLen == 0 {
			continue
		}
		text := strings.Repeat("&", e.maxLen) // five bytes in XML
		if err := s.Set(e.Tag, text); err != nil {
			text = strings.Repeat("1", e.maxLen)
			_ = s.Set(e.Tag, text) // some grammars allow no such long text
		}
	}
	dump := Dump(s, DumpOptions{Secrets: true})
	t.Logf("the largest dump has %d bytes", len(dump))
	got, _, err := Parse(dump, Default())
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the largest settings come back", got, s)
}

// TestFieldProfile is a profile like those of real provisioning servers (reference B.14): cleared codes,
// booleans in lower case, much that this phone does not know.
func TestFieldProfile(t *testing.T) {
	base := Default()
	base.Line[1].UserID, base.Line[1].Password = "old", "old"
	got, report := parsed(t, "a common profile", `
  <Resync_On_Reset>Yes</Resync_On_Reset><Resync_Periodic>3600</Resync_Periodic>
  <Profile_Rule_C>http://10.0.0.1:8667/$MA.xml?a=1&amp;b=2</Profile_Rule_C>
  <Call_Return_Code></Call_Return_Code><User_Password></User_Password>
  <Time_Zone ua="na">GMT+01:00</Time_Zone>
  <Daylight_Saving_Time_Rule>start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1:0:0</Daylight_Saving_Time_Rule>
  <Line_Enable_2_>No</Line_Enable_2_><User_ID_2_></User_ID_2_><Password_2_></Password_2_><Extension_2_>Disabled</Extension_2_>
  <Extended_Function_2_>fnc=sd+blf+cp;sub=123@$PROXY;nme=Bob</Extended_Function_2_>
  <Proxy_1_>xivo_proxies1:SRV=10.0.0.1:5060:p=0|10.0.0.2:5060:p=1</Proxy_1_><Use_DNS_SRV_1_>yes</Use_DNS_SRV_1_>
  <Proxy_Fallback_Intvl_1_>120</Proxy_Fallback_Intvl_1_><Auth_Resync-Reboot_1_>no</Auth_Resync-Reboot_1_>
  <Dial_Plan_1_>([x*#].)</Dial_Plan_1_><Wi-Fi_On>No</Wi-Fi_On><XMPP_Enable>No</XMPP_Enable>
  <Hold_Key_List>resume|1;flash|2;toggle|3;</Hold_Key_List>
  <Line_Enable_10_>No</Line_Enable_10_>`, base)
	want := base
	want.Provisioning.ProfileRuleC = "http://10.0.0.1:8667/$MA.xml?a=1&b=2"
	want.Regional.CallReturnCode = ""
	want.Regional.TimeZone = "GMT+01:00"
	want.Regional.DaylightSavingTimeRule = "start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1:0:0"
	want.Line[1].LineEnable, want.Line[1].UserID, want.Line[1].Password = false, "", ""
	want.Phone.LineKey[1].Extension, want.Phone.LineKey[1].ExtendedFunction = "Disabled", "fnc=sd+blf+cp;sub=123@$PROXY;nme=Bob"
	want.Line[0].Proxy = "xivo_proxies1:SRV=10.0.0.1:5060:p=0|10.0.0.2:5060:p=1"
	want.Line[0].ProxyFallbackIntvl = 120 * time.Second
	want.Line[0].AuthResyncReboot = false
	want.Line[0].DialPlan = "([x*#].)"
	want.Phone.HoldKeyList = "resume|1;flash|2;toggle|3;"
	want.Access = map[string]string{"Time_Zone": "na"}
	wantEqual(t, "a common profile", got, want)
	if len(report.Refused) > 0 || !reflect.DeepEqual(report.UnknownTags, []string{"Wi-Fi_On", "XMPP_Enable", "Line_Enable_10_"}) {
		t.Errorf("refused %v, unknown %v", report.Refused, report.UnknownTags)
	}
}
