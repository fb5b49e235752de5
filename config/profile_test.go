package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// wantEqual compares settings and names the first parameters that differ.
func wantEqual(t *testing.T, sentence string, got, want Settings) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	for _, e := range table.entries {
		if g, w := e.text(&got), e.text(&want); g != w {
			t.Errorf("%s: %s is %q, want %q", sentence, e.Tag, g, w)
		}
		if g, w := e.access(&got), e.access(&want); g != w {
			t.Errorf("%s: ua of %s is %q, want %q", sentence, e.Tag, g, w)
		}
	}
	t.Errorf("%s: the settings differ (access %v, want %v)", sentence, got.Access, want.Access)
}

// parsed applies the elements of a profile to base and wants the document accepted.
func parsed(t *testing.T, sentence, elements string, base Settings) (Settings, Report) {
	t.Helper()
	got, report, err := Parse([]byte("<flat-profile>\n"+elements+"\n</flat-profile>"), base)
	if err != nil {
		t.Fatalf("%s: %v", sentence, err)
	}
	return got, report
}

func TestParse(t *testing.T) {
	base := Default()
	base.Line[0].Proxy, base.Line[0].Password, base.User.SpeedDial2Name = "old.test", "hunter2", "Mum"
	base.System.AdminPassword = "admin"
	for _, c := range []struct {
		sentence, elements string
		want               map[string]string // what Get gives; the rest is as in base
		report             string            // as said by describe
	}{
		{"a value is applied", "<Proxy_1_>new.test</Proxy_1_>", map[string]string{"Proxy_1_": "new.test"}, "applied Proxy_1_"},
		{"what is not named stays", "", nil, ""},
		{"the same value is no change", "<Proxy_1_>old.test</Proxy_1_>", nil, "same 1"},
		{"unknown elements are counted, with all they hold", "<Foo>1</Foo><Bar><Proxy_1_>evil</Proxy_1_></Bar><Foo/>", nil, "unknown 3 Foo,Bar"},
		{"an element of another namespace is unknown", `<x:Proxy_1_ xmlns:x="y">evil</x:Proxy_1_>`, nil, "unknown 1 x:Proxy_1_"},
		{"the last of several wins", "<Proxy_1_>a</Proxy_1_><Proxy_1_>b</Proxy_1_>", map[string]string{"Proxy_1_": "b"}, "applied Proxy_1_"},
		{"a value changed and changed back is no change", "<Proxy_1_>a</Proxy_1_><Proxy_1_>old.test</Proxy_1_>", nil, "same 1"},
		{"a tag may differ in case", "<proxy_1_>a</proxy_1_>", map[string]string{"Proxy_1_": "a"}, "applied Proxy_1_"},
		{"booleans come in any case", "<Register_1_>no</Register_1_><Dual_Registration_1_>YES</Dual_Registration_1_>", map[string]string{"Register_1_": "No", "Dual_Registration_1_": "Yes"}, "applied Register_1_,Dual_Registration_1_"},
		{"an empty element clears a text", "<Proxy_1_></Proxy_1_>", map[string]string{"Proxy_1_": ""}, "applied Proxy_1_"},
		{"an element without content clears a text", `<Proxy_1_ ua="na"/>`, map[string]string{"Proxy_1_": ""}, "applied Proxy_1_"},
		{"blanks are empty", "<Proxy_1_> \n\t </Proxy_1_>", map[string]string{"Proxy_1_": ""}, "applied Proxy_1_"},
		{"an empty element clears a secret", "<Password_1_/>", map[string]string{"Password_1_": ""}, "applied Password_1_"},
		{"an empty element keeps the administrator's password", "<Admin_Password/>", nil, "same 1"},
		{"an empty element keeps booleans, choices, numbers and times", "<Register_1_/><SIP_Transport_1_/><SIP_Port_1_/><SIP_T1/><Time_Zone/>", nil, "same 5"},
		{"two quotation marks clear a text", `<Proxy_1_>""</Proxy_1_>`, map[string]string{"Proxy_1_": ""}, "applied Proxy_1_"},
		{"two quotation marks keep a number", `<SIP_Port_1_>""</SIP_Port_1_>`, nil, "same 1"},
		{"asterisks keep a secret", "<Password_1_>********</Password_1_>", nil, "same 1"},
		{"the user's speed dial is kept by an empty element with ua rw", `<Speed_Dial_2_Name ua="rw"/>`, nil, "same 1"},
		{"and cleared without it", `<Speed_Dial_2_Name/>`, map[string]string{"Speed_Dial_2_Name": ""}, "applied Speed_Dial_2_Name"},
		{"and cleared by two quotation marks", `<Speed_Dial_2_Name ua="rw">""</Speed_Dial_2_Name>`, map[string]string{"Speed_Dial_2_Name": ""}, "applied Speed_Dial_2_Name"},
		{"preserve-value keeps the value and takes the access", `<Proxy_1_ ua="ro" preserve-value="y">new</Proxy_1_>`, nil, "same 1 access Proxy_1_=ro"},
		{"preserve-value n does not", `<Proxy_1_ preserve-value="n">new</Proxy_1_>`, map[string]string{"Proxy_1_": "new"}, "applied Proxy_1_"},
		{"ua is kept", `<SIP_T2 ua="rw">4</SIP_T2><SIP_T4 ua="ro"/>`, nil, "same 2 access SIP_T2=rw,SIP_T4=ro"},
		{"ua as it is already is nothing new", `<SIP_T2 ua="na">4</SIP_T2>`, nil, "same 1"},
		{"a wrong ua is refused, the value applied", `<Proxy_1_ ua="xx">new</Proxy_1_>`, map[string]string{"Proxy_1_": "new"}, `applied Proxy_1_ refused 2:Proxy_1_:"xx" is no access right; ua must be na, ro or rw`},
		{"a wrong value is refused alone", "<Proxy_1_>new</Proxy_1_>\n<SIP_T1>soon</SIP_T1>\n<SIP_T2>3</SIP_T2>", map[string]string{"Proxy_1_": "new", "SIP_T2": "3"},
			`applied Proxy_1_,SIP_T2 same 1 refused 3:SIP_T1:"soon" must be seconds, 0–64 s, 3 decimals`},
		{"a wrong last duplicate leaves the good one", "<SIP_T1>1</SIP_T1><SIP_T1>x</SIP_T1>", map[string]string{"SIP_T1": "1"}, `applied SIP_T1 refused 2:SIP_T1:"x" must be seconds, 0–64 s, 3 decimals`},
		{"a wrong secret is not shown", "<User_Password>abc</User_Password>", nil, `same 1 refused 2:User_Password:"********" is shorter than 4 characters`},
		{"a control character is refused", "<Display_Name_1_>a&#x7f;b</Display_Name_1_>", nil, `same 1 refused 2:Display_Name_1_:"a·b" holds the control character U+007F`},
		{"elements inside a value are refused", "<Proxy_1_>a<b/>c</Proxy_1_>", nil, `same 1 refused 2:Proxy_1_:"ac" holds other elements`},
		{"a parameter inside a parameter is not applied", "<Proxy_1_>a<Proxy_2_>c</Proxy_2_></Proxy_1_>", nil, `same 1 refused 2:Proxy_1_:"ac" holds other elements`},
		{"text is trimmed, newlines and entities are read", "<Display_Name_1_>\n  A &amp; B\r\n&lt;&#40;x&#x2e;&#10;&quot;y&apos; </Display_Name_1_>", map[string]string{"Display_Name_1_": `A & B <(x. "y'`}, "applied Display_Name_1_"},
		{"CDATA and comments are read", "<Display_Name_1_><![CDATA[<a>]]> &amp; <!-- no -->b</Display_Name_1_><!-- <Proxy_1_>no</Proxy_1_> -->", map[string]string{"Display_Name_1_": "<a> & b"}, "applied Display_Name_1_"},
		{"UTF-8 is kept", "<Display_Name_1_>Jörg 電話</Display_Name_1_>", map[string]string{"Display_Name_1_": "Jörg 電話"}, "applied Display_Name_1_"},
		{"other attributes are ignored", `<Proxy_1_ group="Ext 1/Proxy" x='y'>new</Proxy_1_>`, map[string]string{"Proxy_1_": "new"}, "applied Proxy_1_"},
		{"a value that is too long is refused alone", "<GPP_A>" + strings.Repeat("x", 9000) + "</GPP_A>", nil, "same 1 refused 2:GPP_A:\"" + strings.Repeat("x", 80) + "…\" is longer than 8192 bytes"},
	} {
		got, report := parsed(t, c.sentence, c.elements, base)
		want := base
		want.Access = got.Access // in the report
		for tag, text := range c.want {
			if err := want.Set(tag, text); err != nil {
				t.Fatal(err)
			}
		}
		wantEqual(t, c.sentence, got, want)
		if said := describe(report, got); said != c.report {
			t.Errorf("%s: the report is\n  %s, want\n  %s", c.sentence, said, c.report)
		}
	}
}

// describe writes a report as the tests spell it.
func describe(r Report, s Settings) string {
	var words []string
	if len(r.Applied) > 0 {
		words = append(words, "applied "+strings.Join(r.Applied, ","))
	}
	if r.Same > 0 {
		words = append(words, fmt.Sprintf("same %d", r.Same))
	}
	if len(r.Access) > 0 {
		var list []string
		for _, tag := range r.Access {
			list = append(list, tag+"="+s.AccessTo(tag))
		}
		words = append(words, "access "+strings.Join(list, ","))
	}
	if r.Unknown > 0 {
		words = append(words, fmt.Sprintf("unknown %d %s", r.Unknown, strings.Join(r.UnknownTags, ",")))
	}
	for _, x := range r.Refused {
		words = append(words, fmt.Sprintf("refused %d:%s:%q %s", x.Line, x.Tag, x.Value, x.Reason))
	}
	return strings.Join(words, " ")
}

func TestParseDocuments(t *testing.T) {
	const value = "<Proxy_1_>a</Proxy_1_>"
	nested := func(n int) string {
		return "<flat-profile>" + strings.Repeat("<x>", n) + strings.Repeat("</x>", n) + "</flat-profile>"
	}
	attributes := func(n int) string {
		var list strings.Builder
		for i := range n {
			list.WriteString(fmt.Sprintf(` a%d="x"`, i))
		}
		return "<flat-profile><Proxy_1_" + list.String() + ">a</Proxy_1_></flat-profile>"
	}
	for _, c := range []struct{ sentence, document, err string }{
		{"a bare profile", "<flat-profile>" + value + "</flat-profile>", ""},
		{"inside device", "<device>\n<flat-profile>" + value + "</flat-profile></device>\n", ""},
		{"device with other things", "<device><type>x</type><flat-profile>" + value + "</flat-profile><flat-profile/></device>", ""},
		{"with an XML declaration and comments", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a --><flat-profile>" + value + "</flat-profile><!-- b -->", ""},
		{"with a byte order mark", "\xef\xbb\xbf<flat-profile>" + value + "</flat-profile>", ""},
		{"with attributes on the root", `<flat-profile version="1">` + value + "</flat-profile>", ""},
		{"as deep as allowed", nested(15), ""},
		{"with as many attributes as allowed", attributes(16), ""},

		{"nothing", "", "line 1: the document has no <flat-profile>"},
		{"blanks", "\n\n", "line 3: the document has no <flat-profile>"},
		{"no XML", "not found", "line 1: the profile is no XML: text outside of all elements"},
		{"another document", "<?xml version=\"1.0\"?>\n<html></html>", "line 2: the document is <html>, not <flat-profile>"},
		{"an empty device", "<device></device>", "line 1: the document has no <flat-profile>"},
		{"flat-profile too deep", "<device><x><flat-profile>" + value + "</flat-profile></x></device>", "line 1: the document has no <flat-profile>"},
		{"a DOCTYPE", "<!DOCTYPE html>\n<html></html>", "line 1: a profile must hold no <!DOCTYPE> or other declaration"},
		{"entities of its own", "<!DOCTYPE x [<!ENTITY a \"b\">]>\n<flat-profile></flat-profile>", "line 1: a profile must hold no <!DOCTYPE> or other declaration"},
		{"a declaration inside", "<flat-profile>\n<!ELEMENT a>\n</flat-profile>", "line 2: a profile must hold no <!DOCTYPE> or other declaration"},
		{"an unknown entity", "<flat-profile>\n<Proxy_1_>&evil;</Proxy_1_></flat-profile>", "line 2: the profile is no XML: invalid character entity &evil;"},
		{"a NUL by escape", "<flat-profile>\n<Proxy_1_>&#0;</Proxy_1_></flat-profile>", "line 2: the profile is no XML: illegal character code U+0000"},
		{"crossed elements", "<flat-profile>\n<Proxy_1_>\n</Proxy_2_></flat-profile>", "line 3: the profile is no XML: <Proxy_1_> is closed by </Proxy_2_>"},
		{"a value before the break", "<flat-profile>" + value + `<SIP_T2 ua="ro">1</SIP_T2>` + "\n</Proxy_2_>", "line 2: the profile is no XML: <flat-profile> is closed by </Proxy_2_>"},
		{"an unclosed element", "<flat-profile>\n<Proxy_1_>\n", "line 3: the profile ends inside <Proxy_1_>"},
		{"half a tag", "<flat-profile>\n<Proxy_1_", "line 2: the profile is no XML: unexpected EOF"},
		{"an end too many", "<flat-profile></flat-profile></x>", "line 1: the profile is no XML: </x> ends nothing"},
		{"text after the end", "<flat-profile></flat-profile>x", "line 1: the profile is no XML: text outside of all elements"},
		{"a second root", "<flat-profile></flat-profile>\n<flat-profile>" + value + "</flat-profile>", "line 2: <flat-profile> follows the end of the profile"},
		{"an attribute without quotes", "<flat-profile><Proxy_1_ ua=na></Proxy_1_></flat-profile>", "line 1: the profile is no XML: unquoted or missing attribute value in element"},
		{"too deep", nested(16), "line 1: <x> is nested more than 16 deep"},
		{"too many attributes", attributes(17), "line 1: <Proxy_1_> has 17 attributes, more than 16"},
		{"a name too long", "<flat-profile><" + strings.Repeat("a", 256) + "/></flat-profile>", "line 1: an element's name has 256 bytes, more than 255"},
		{"an attribute's name too long", "<flat-profile><a " + strings.Repeat("a", 256) + "=''/></flat-profile>", "line 1: an attribute's name of <a> has more than 255 bytes"},
		{"a tag too long", "<flat-profile><!-- " + strings.Repeat("x", 9000) + " -->\n<a b=\"" + strings.Repeat("'>", 4096) + "\"/></flat-profile>", "line 2: a tag does not end within 8192 bytes; is a quotation mark missing?"},
		{"an endless tag", "<flat-profile>\n\n<a " + strings.Repeat("b='' ", 2000), "line 3: a tag does not end within 8192 bytes; is a quotation mark missing?"},
		{"as long a tag as allowed", "<flat-profile><a b='" + strings.Repeat(">", 8192-9) + "'/></flat-profile>", ""},
		{"what looks like a long tag in CDATA", "<flat-profile><a><![CDATA[<b " + strings.Repeat("x", 9000) + "]]></a></flat-profile>", ""},
		{"too large", "<flat-profile>" + strings.Repeat(" ", maxDocument) + "</flat-profile>", "line 1: the profile has 2097181 bytes, more than 2097152"},
		{"UTF-16", "\xff\xfe<\x00f\x00", "line 1: the profile is UTF-16; UTF-8, ISO-8859-1 and US-ASCII are understood"},
		{"another encoding", "<?xml version=\"1.0\" encoding=\"koi8-r\"?><flat-profile/>", "line 1: the profile is no XML: xml: opening charset \"koi8-r\": the encoding koi8-r is none of …"},
		{"bytes that are no UTF-8", "<flat-profile>\n<Proxy_1_>\xff</Proxy_1_></flat-profile>", "line 2: the profile is no XML: invalid UTF-8"},
		{"bytes that are no ASCII", "<?xml version=\"1.0\" encoding=\"US-ASCII\"?>\n<flat-profile>\xe4</flat-profile>", "line 2: the profile is no XML: a byte above 0x7f in a document declared US-ASCII"},
	} {
		base := Default()
		base.Line[0].Proxy = "old"
		base.Access = map[string]string{"SIP_T1": "rw"}
		got, report, err := Parse([]byte(c.document), base)
		switch said := fmt.Sprint(err); {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.sentence, err)
		case c.err == "" && strings.Contains(c.document, value) && !reflect.DeepEqual(report.Applied, []string{"Proxy_1_"}):
			t.Errorf("%s: applied are %v", c.sentence, report.Applied)
		case c.err != "" && said != c.err && !(strings.HasSuffix(c.err, "…") && strings.HasPrefix(said, strings.TrimSuffix(c.err, "…"))):
			t.Errorf("%s: the error is\n  %v, want\n  %s", c.sentence, err, c.err)
		case c.err != "":
			wantEqual(t, c.sentence+" leaves the settings alone", got, base)
		}
	}
}

func TestParseEncodings(t *testing.T) {
	for encoding, text := range map[string]string{"iso-8859-1": "J\xf6rg", "ISO-8859-1": "J\xf6rg", "Latin1": "J\xf6rg", "utf-8": "Jörg", "UTF8": "Jörg", "us-ascii": "J&#246;rg"} {
		document := "<?xml version=\"1.0\" encoding=\"" + encoding + "\"?>\n<flat-profile>" + strings.Repeat("<!-- \n -->", 400) +
			"<Display_Name_1_>" + text + "</Display_Name_1_>\n<SIP_T1>x</SIP_T1></flat-profile>"
		got, report, err := Parse([]byte(document), Default())
		if err != nil || got.Line[0].DisplayName != "Jörg" || len(report.Refused) != 1 || report.Refused[0].Line != 403 {
			t.Errorf("%s: %q, refused %v, %v", encoding, got.Line[0].DisplayName, report.Refused, err)
		}
	}
}

func TestParseLeavesBaseAlone(t *testing.T) {
	base := Default()
	base.Access = map[string]string{"SIP_T1": "rw", "SIP_T2": "ro"}
	got, _ := parsed(t, "access changes", `<SIP_T1 ua="na"/><SIP_T2 ua="rw"/><SIP_T4 ua="ro"/>`, base)
	if want := (map[string]string{"SIP_T2": "rw", "SIP_T4": "ro"}); !reflect.DeepEqual(got.Access, want) {
		t.Errorf("the access rights are %v, want %v", got.Access, want)
	}
	if want := (map[string]string{"SIP_T1": "rw", "SIP_T2": "ro"}); !reflect.DeepEqual(base.Access, want) {
		t.Errorf("the access rights of the base became %v", base.Access)
	}
	if back, _ := parsed(t, "all rights back", `<SIP_T2 ua="na"/><SIP_T4 ua="na"/>`, got); back.Access != nil {
		t.Errorf("access rights as defined are kept: %v", back.Access)
	}
}

func TestReportIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "<U%d/><SIP_T1>%s</SIP_T1>\n", i, strings.Repeat("x", 500))
	}
	_, report := parsed(t, "a thousand wrong values", b.String(), Default())
	if report.Unknown != 1000 || len(report.UnknownTags) != maxListed || len(report.Refused) != maxListed || report.Unlisted != 800 {
		t.Errorf("unknown %d, listed %d, refused %d, more %d", report.Unknown, len(report.UnknownTags), len(report.Refused), report.Unlisted)
	}
	if said := report.String(); said != "0 changed, 1 the same, 1000 unknown ignored, 1000 refused" {
		t.Error(said)
	}
	if said := report.Refused[0].String(); said != "line 2: SIP_T1: \""+strings.Repeat("x", 80)+"…\" must be seconds, 0–64 s, 3 decimals" {
		t.Error(said)
	}
}
