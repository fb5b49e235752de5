package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestSet holds texts against what Get must give afterwards, or against a piece of the error.
func TestSet(t *testing.T) {
	for _, c := range []struct{ tag, text, want string }{
		{"Register_1_", "yes", "Yes"}, {"Register_1_", "NO", "No"}, {"Register_1_", "1", "Yes"}, {"Register_1_", "0", "No"},
		{"Register_1_", " No ", "No"}, {"Register_1_", "true", "! must be Yes or No"}, {"Register_1_", "", "! must be Yes or No"},

		{"SIP_Transport_1_", "tls", "TLS"}, {"SIP_Transport_1_", "SCTP", "! must be one of UDP, TCP, TLS, AUTO"}, {"SIP_Transport_1_", "", "! must be UDP | TCP"},
		{"set_g729_annexb_1_", "Follow Silence Supp Setting", "follow silence supp setting"},

		{"Register_Expires_1_", "0x10", "16"}, {"Register_Expires_1_", "2147483647", "2147483647"}, {"Register_Expires_1_", "2147483648", "! 0–2147483647"},
		{"Register_Expires_1_", "-1", "! whole number"}, {"Register_Expires_1_", "+1", "! whole number"}, {"Register_Expires_1_", "1.5", "! whole number"}, {"Register_Expires_1_", "1_0", "! whole number"},
		{"Register_Expires_1_", "007", "7"}, {"Register_Expires_1_", "0x", "! whole number"}, {"Register_Expires_1_", "", "! whole number"},
		{"SIP_Port_1_", "0x13c4", "5060"}, {"SIP_Port_1_", "65535", "65535"}, {"SIP_Port_1_", "65536", "! 0–65535"}, {"RTP_Port_Min", "2047", "! 2048–49151"},
		{"RTP_TOS_DiffServ_Value_1_", "184", "0xb8"}, {"RTP_TOS_DiffServ_Value_1_", "0XFF", "0xff"}, {"RTP_TOS_DiffServ_Value_1_", "256", "! 0x00–0xff"},
		{"AVT_Dynamic_Payload", "95", "! 96–127"}, {"AVT_Dynamic_Payload", "127", "127"},

		{"SIP_T1", ".5", "0.5"}, {"SIP_T1", "0.1234", "0.123"}, {"SIP_T1", "64", "64"}, {"SIP_T1", "64.001", "! 0–64 s"}, {"SIP_T1", "64.0009", "64"}, {"SIP_T1", "5.", "5"},
		{"SIP_T1", ".", "! seconds"}, {"SIP_T1", "1e1", "! seconds"}, {"SIP_T1", "-1", "! seconds"}, {"SIP_T1", "99999999999999999999", "! 0–64 s"},
		{"RTP_Packet_Size", "0.020", "0.02"}, {"RTP_Packet_Size", "0.029", "0.02"}, {"RTP_Packet_Size", "0.009", "! 0.01–0.13 s"}, {"RTP_Packet_Size", ".13", "0.13"},
		{"Reg_Retry_Intvl", "2147483647", "2147483647"}, {"Reg_Retry_Intvl", "2147483648", "! 1–2147483647 s"}, {"Reg_Retry_Intvl", "0", "! 1–2147483647 s"}, {"Reg_Retry_Intvl", "30.9", "30"},

		{"Display_Name_1_", "Jörg & \"Söhne\" <x>", "Jörg & \"Söhne\" <x>"}, {"Display_Name_1_", `""`, ""}, {"Display_Name_1_", "a\r\nTo: x", "! control character U+000D"},
		{"Display_Name_1_", "a\x00b", "! control character U+0000"}, {"Display_Name_1_", "a\tb", "! control character U+0009"}, {"Display_Name_1_", "a\u0085b", "! control character U+0085"},
		{"Display_Name_1_", "a\u2028b", "! line separator"}, {"Display_Name_1_", "\xff", "! not valid UTF-8"}, {"Display_Name_1_", "a\uffff", "! XML cannot carry"},
		{"Display_Name_1_", strings.Repeat("x", 127), strings.Repeat("x", 127)}, {"Display_Name_1_", strings.Repeat("x", 128), "! longer than 127"},
		{"Admin_Password", "abc", "! shorter than 4"}, {"Admin_Password", "abcd", "abcd"}, {"Admin_Password", "", "! must not be empty"}, {"Password_1_", "", ""},

		{"User_ID_1_", "alice+b;c=d", "alice+b;c=d"}, {"User_ID_1_", "a@b", "! before the @"}, {"User_ID_1_", "a b", `! ' '`}, {"User_ID_1_", "a<b", `! '<'`}, {"User_ID_1_", strings.Repeat("1", 64), "! longer than 63"},
		{"SIP_URI_1_", "sip:a@b;x=y", "sip:a@b;x=y"}, {"SIP_URI_1_", "<sip:a@b>", "! angle bracket"},
		{"Voice_Mail_Number", "*97", "*97"},
		{"Proxy_1_", "example.test:5070", "example.test:5070"}, {"Proxy_1_", "[2001:db8::1]:5060", "[2001:db8::1]:5060"}, {"Proxy_1_", "2001:db8::1", "2001:db8::1"},
		{"Proxy_1_", "a:SRV=10.0.0.1:5060:p=0|10.0.0.2:5060:p=1", "a:SRV=10.0.0.1:5060:p=0|10.0.0.2:5060:p=1"}, {"Proxy_1_", "s:5060:A=192.0.2.1,192.0.2.2", "s:5060:A=192.0.2.1,192.0.2.2"},
		{"Proxy_1_", "host:99999", "! port"}, {"Proxy_1_", "host:0", "! port"}, {"Proxy_1_", ":5060", "! begin with a host"}, {"Proxy_1_", "a\"b", `! '"'`}, {"Proxy_1_", "sip:x@y", `! '@'`}, {"Proxy_1_", "", ""},
		{"Syslog_Server", "log.test:514", "log.test:514"}, {"Syslog_Server", "log test", `! ' '`}, {"NAT_Keep_Alive_Dest_1_", "$PROXY", "$PROXY"},
		{"EXT_IP", "2001:db8::1", "2001:db8::1"}, {"EXT_IP", "300.1.1.1", "! IPv4 or IPv6"}, {"EXT_IP", "fe80::1%eth0", "! IPv4 or IPv6"}, {"Static_IP", "::1", "! IPv4"}, {"IPv6_Gateway", "1.2.3.4", "! IPv6"},
		{"DTMF_Relay_MIME_Type", "application/dtmf", "application/dtmf"}, {"DTMF_Relay_MIME_Type", "application", "! type/subtype"}, {"DTMF_Relay_MIME_Type", "a/b\r\nX:", "! control"}, {"DTMF_Relay_MIME_Type", "a/b c", `! ' '`},
		{"OPUS_Codec_Name", "opus", "opus"}, {"OPUS_Codec_Name", "opus/48000", `! '/'`},
		{"PAC_URL", "http://a/b c", "! blank"},
		{"Voice_Quality_Report_Group_1_", "-a", "! begin with"},

		{"Resync_Periodic", "60,120+30", "60,120+30"}, {"Resync_Periodic", "60,", "! seconds"}, {"Resync_Periodic", "a", "! seconds"}, {"Resync_Periodic", "", ""}, {"Resync_Periodic", "99999999999", "! seconds"},
		{"Resync_At__HHmm_", "2359", "2359"}, {"Resync_At__HHmm_", "2400", "2400"}, {"Resync_At__HHmm_", "2401", "! 0000–2400"}, {"Resync_At__HHmm_", "1260", "! 0000–2400"}, {"Resync_At__HHmm_", "123", "! 0000–2400"},
		{"DHCP_Option_To_Use", "66, 150", "66, 150"}, {"DHCP_Option_To_Use", "255", "! 1–254"}, {"DHCP_Option_To_Use", "66,", "! list of numbers"},
		{"DHCP_VLAN_Option", "132", "132"}, {"DHCP_VLAN_Option", "150", "! 128–149, 151–158, 161–254"}, {"DHCP_VLAN_Option", "", ""}, {"PRT_Max_Timer", "14", "! 15–1440"},
		{"Call_Return_Code", "*69", "*69"}, {"Call_Return_Code", "*69a", "! keys"}, {"Call_Return_Code", "*1234567", "! longer than 7"},
		{"Time_Zone", "gmt+05:30", "GMT+05:30"}, {"Time_Zone", "GMT", "GMT"}, {"Time_Zone", "GMT+5:30", "! GMT"}, {"Time_Zone", "GMT+15:00", "! GMT"}, {"Time_Zone", "", "! GMT"},
		{"Time_Offset__HH_mm_", "-01/30", "-01/30"}, {"Time_Offset__HH_mm_", "--1/30", "! HH/mm"}, {"Time_Offset__HH_mm_", "1:30", "! HH/mm"},
		{"Set_Local_Date__mm_dd_yyyy_", "12/31/2026", "12/31/2026"}, {"Set_Local_Date__mm_dd_yyyy_", "13/1", "! mm/dd"}, {"Set_Local_Time__HH_mm_", "23:59", "23:59"}, {"Set_Local_Time__HH_mm_", "24/00", "! HH/mm"},
		{"Dial_Plan_1_", "([x*#].)", "([x*#].)"}, {"Dial_Plan_1_", "((x)", "! never closed"}, {"Dial_Plan_1_", "x)(", "! too many at character 2"},
		{"Extension_2_", "disabled", "Disabled"}, {"Extension_2_", "9", "! must be one of 1, 2"},
		{"Nothing", "x", "! is no parameter"},
	} {
		s := Default()
		before, _ := s.Get(c.tag)
		err := s.Set(c.tag, c.text)
		got, _ := s.Get(c.tag)
		piece, wrong := strings.CutPrefix(c.want, "! ")
		switch {
		case wrong && err == nil:
			t.Errorf("%s = %q is accepted, want an error with %q", c.tag, c.text, piece)
		case wrong && !strings.Contains(err.Error(), piece):
			t.Errorf("%s = %q: the error is %q, want it to say %q", c.tag, c.text, err, piece)
		case wrong && got != before:
			t.Errorf("%s = %q is refused, but the value went from %q to %q", c.tag, c.text, before, got)
		case !wrong && err != nil:
			t.Errorf("%s = %q: %v", c.tag, c.text, err)
		case !wrong && got != c.want:
			t.Errorf("%s = %q gives %q, want %q", c.tag, c.text, got, c.want)
		}
	}
}

func TestSetReachesTheField(t *testing.T) {
	s := Default()
	for tag, text := range map[string]string{"SIP_T1": "0.25", "Proxy_2_": "example.test", "Password_8_": "secret", "Register_Expires_1_": "60",
		"Unit_3_Key_28_": "fnc=sd", "Extension_4_": "Disabled", "RTP_Port_Max": "20000", "SIP_TOS_DiffServ_Value_1_": "0x10"} {
		if err := s.Set(tag, text); err != nil {
			t.Error(err)
		}
	}
	want := Default()
	want.SIP.T1 = 250 * time.Millisecond
	want.Line[1].Proxy = "example.test"
	want.Line[7].Password = "secret"
	want.Line[0].RegisterExpires = 60
	want.AttConsole.Unit[2].Key[27].Key = "fnc=sd"
	want.Phone.LineKey[3].Extension = "Disabled"
	want.SIP.RTPPortMax = 20000
	want.Line[0].SIPTOSDiffServValue = 0x10
	wantEqual(t, "fields set by tag", s, want)
}

func TestErrorsHideSecrets(t *testing.T) {
	s := Default()
	for _, text := range []string{"hunter2\n", "h\x00unter2", strings.Repeat("hunter2", 100)} {
		if err := s.Set("Password_1_", "a"+text+"b"); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error for a wrong secret is %v", err)
		}
	}
}

func TestSecret(t *testing.T) {
	s := Secret("hunter2")
	text := fmt.Sprintf("%v %s %q %d %x %+v %#v %10s %v", s, s, s, s, s, s, s, s, struct{ S Secret }{s})
	encoded, err := json.Marshal(map[string]any{"s": s, "empty": Secret("")})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "settings", Settings{System: System{AdminPassword: s}})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s)
	for _, shown := range []string{text, string(encoded), log.String()} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e746572") || !strings.Contains(shown, Mask) {
			t.Errorf("a secret shows itself: %s", shown)
		}
	}
	if string(encoded) != `{"empty":"","s":"********"}` {
		t.Errorf("secrets in JSON: %s", encoded)
	}
	if s.Reveal() != "hunter2" || Secret("").String() != "" {
		t.Error("Reveal does not reveal, or an empty secret is masked")
	}
}

func TestMaskChangesNothing(t *testing.T) {
	s := Default()
	s.Line[0].Password = "hunter2"
	for _, mask := range []string{Mask, "*", "************"} {
		if err := s.Set("Password_1_", mask); err != nil || s.Line[0].Password != "hunter2" {
			t.Errorf("the mask %s sets the password to %q, %v", mask, s.Line[0].Password.Reveal(), err)
		}
	}
	if err := s.Set("Password_1_", "**a"); err != nil || s.Line[0].Password != "**a" {
		t.Errorf("a password with asterisks becomes %q, %v", s.Line[0].Password.Reveal(), err)
	}
	if err := s.Set("Call_Return_Code", "**"); err != nil || s.Regional.CallReturnCode != "**" {
		t.Errorf("asterisks mask what is no secret: %q, %v", s.Regional.CallReturnCode, err)
	}
}
