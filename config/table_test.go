package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated files")

// decided are the defaults that differ from the reference on purpose, by design/contract.md and
// docs/decisions.
var decided = map[string]string{
	"Dial_Plan_n_":       "(*xx|[3469]11|0|00|[2-9]xxxxxx|1xxx[2-9]xxxxxxS0|xxxxxxxxxxxx.|xx.)",
	"Block_Nonproxy_SIP": "Yes",
	"Try_Backup_RSC":     "503",
	"Use_DNS_SRV_n_":     "Yes",
}

// pages of the reference's tables.
var pages = map[string]string{
	"H.1": "Ext 1", "H.2": "Ext 1", "H.3": "Ext 1", "H.4": "Ext 1", "H.5": "Ext 1",
	"H.6": "SIP", "H.7": "Provisioning", "H.8": "System", "H.9": "Regional", "A.8": "SIP", "D.2": "Regional", "E.4": "Regional",
}

// numbered is the tag of the first line or key of a family.
func numbered(family string) string {
	return strings.NewReplacer("_n_", "_1_", "_m_", "_1_").Replace(family)
}

func TestReference(t *testing.T) {
	list, err := os.ReadFile("testdata/reference.tsv")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		section, family, preset := fields[0], fields[1], ""
		if len(fields) > 2 {
			preset = fields[2]
		}
		if own, ok := decided[family]; ok {
			preset = own
		}
		named[family] = true
		p, ok := Lookup(numbered(family))
		switch {
		case !ok:
			t.Errorf("%s of %s is missing", family, section)
		case p.Family != family:
			t.Errorf("%s is of the family %s, want %s", p.Tag, p.Family, family)
		case preset != "?" && p.Default != preset:
			t.Errorf("%s has the default %q, the reference %q", family, p.Default, preset)
		case pages[section] != "" && pages[section] != p.Page:
			t.Errorf("%s is on page %s, the reference has it on %s", family, p.Page, pages[section])
		}
	}
	for _, p := range Params() {
		if p.Own == named[p.Family] {
			t.Errorf("%s: marked as our own %v, named in the reference %v", p.Family, p.Own, named[p.Family])
		}
	}
}

func TestEveryLineHasEveryParameter(t *testing.T) {
	count := make(map[string]int)
	for _, p := range Params() {
		count[p.Page]++
		if strings.HasPrefix(p.Page, "Ext ") != (p.Line > 0) {
			t.Errorf("%s on page %s has line %d", p.Tag, p.Page, p.Line)
		}
	}
	for i := range Lines {
		if page := "Ext " + string(rune('1'+i)); count[page] != count["Ext 1"] || count[page] == 0 {
			t.Errorf("%s has %d parameters, Ext 1 has %d", page, count[page], count["Ext 1"])
		}
	}
	t.Logf("parameters per page: %v, %d together", count, len(Params()))
	for tag, want := range map[string]string{
		"SIP_Port_1_": "5060", "SIP_Port_8_": "5067", "Extension_1_": "1", "Extension_8_": "8", "Failover_Timeout_3_": "1",
		"Server_Probe_Intvl_3_": "15", "Failback_Good_Probes_3_": "3", "Hot_Standby_Registration_3_": "No", "Admin_Password": "",
	} {
		if p, _ := Lookup(tag); p.Default != want {
			t.Errorf("%s has the default %q, want %q", tag, p.Default, want)
		}
	}
}

// mangle is the way from a label to a tag, reference B.1.1.
func mangle(label string) string {
	return strings.NewReplacer(" ", "_", "[", "_", "]", "_", "(", "_", ")", "_", "/", "_").Replace(label)
}

func TestLabels(t *testing.T) {
	numbers := regexp.MustCompile(`_[nm]_`)
	for _, p := range Params() {
		want := strings.TrimSuffix(numbers.ReplaceAllString(p.Family, "_"), "_")
		switch mangled := strings.TrimSuffix(mangle(p.Label), "_"); {
		case mangled == want:
		case strings.HasPrefix(p.Family, "Video_RTP_TOS"): // the reference shortens this label
		default:
			t.Errorf("the label %q of %s makes the tag %s", p.Label, p.Tag, mangled)
		}
	}
}

// fieldName is the rule for the names of Settings fields: the words of the tag, each with a capital,
// without the numbers of lines and keys.
func fieldName(family string) string {
	family = regexp.MustCompile(`_[nm]_`).ReplaceAllString(family, "_")
	var name strings.Builder
	for word := range strings.FieldsFuncSeq(family, func(r rune) bool { return strings.ContainsRune("_-.", r) }) {
		if word == "iLBC" || word == "iSAC" {
			word = strings.ToUpper(word)
		}
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

func TestFieldNames(t *testing.T) {
	for _, e := range table.entries {
		at := reflect.TypeFor[Settings]()
		name := ""
		for _, i := range e.path {
			if at.Kind() == reflect.Array {
				at = at.Elem()
				continue
			}
			name, at = at.Field(i).Name, at.Field(i).Type
		}
		want := fieldName(e.Family)
		if e.Section == "SIP Timer Values (sec)" {
			want = strings.TrimPrefix(want, "SIP")
		}
		if e.Page == "Att Console" {
			want = strings.TrimPrefix(want, "Unit")
		}
		if name != want {
			t.Errorf("the field of %s is called %s, want %s", e.Family, name, want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, p := range Params() {
		if len(p.Help) < 15 || len(p.Help) > 140 || !strings.HasSuffix(p.Help, ".") {
			t.Errorf("%s: the help is no short sentence: %q", p.Tag, p.Help)
		}
		if strings.Contains(p.Range, "--") || strings.Contains(strings.Join(p.Options, ""), "--") {
			t.Errorf("%s: -- would end the comment in a dump", p.Tag)
		}
		if p.Access != "na" && p.Access != "ro" && p.Access != "rw" {
			t.Errorf("%s has the access %q", p.Tag, p.Access)
		}
		if p.Type == "Choice" && !slices.Contains(p.Options, p.Default) {
			t.Errorf("%s: the default %q is no option of %q", p.Tag, p.Default, p.Options)
		}
	}
}

func TestLookup(t *testing.T) {
	p, ok := Lookup("Proxy_3_")
	want := Param{Tag: "Proxy_3_", Family: "Proxy_n_", Label: "Proxy", Page: "Ext 3", Section: "Proxy and Registration", Type: "Proxy",
		Range: "host, host:port or a static list, ≤ 1024 characters", Help: "Registrar and proxy, and the SIP domain of the line; a name, address or static list.",
		Access: "na", Line: 3}
	if !ok || !reflect.DeepEqual(p, want) {
		t.Errorf("Proxy_3_ is\n%+v, want\n%+v", p, want)
	}
	if p, ok := Lookup("report_to_server"); !ok || p.Tag != "Report_To_Server" {
		t.Errorf("a tag in lower case finds %q, %v", p.Tag, ok)
	}
	for _, tag := range []string{"Proxy_n_", "Proxy_9_", "Proxy_0_", "Proxy", "", "Unit_4_Key_1_"} {
		if _, ok := Lookup(tag); ok {
			t.Errorf("%q is found, and should not be", tag)
		}
	}
}

func TestParamJSON(t *testing.T) {
	p, _ := Lookup("SIP_Transport_2_")
	got, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"tag":"SIP_Transport_2_","family":"SIP_Transport_n_","label":"SIP Transport","page":"Ext 2","section":"SIP Settings",` +
		`"type":"Choice","default":"UDP","range":"UDP | TCP | TLS | AUTO","help":"Transport to the servers; AUTO lets DNS (NAPTR) choose.",` +
		`"access":"na","line":2,"options":["UDP","TCP","TLS","AUTO"]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTableText(t *testing.T) {
	text := Table()
	for _, p := range Params() {
		if !strings.Contains(text, "  "+p.Tag+"  ") {
			t.Errorf("%s is not in the table", p.Tag)
		}
	}
	for _, want := range []string{
		"\nExt 1: Proxy and Registration\n",
		"\n  Failback_Good_Probes_1_                Number  3       1–100",
		"\n  Outbound_Proxy_1_                      Proxy   -       host, host:port or a static list, ≤ 1024 characters  Where requests go first, if not to Proxy.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q", want)
		}
	}
}

// TestMarkdown keeps docs/parameters.md as the tags have it; -update writes it.
func TestMarkdown(t *testing.T) {
	const file = "../docs/parameters.md"
	if *update {
		if err := os.WriteFile(file, Markdown(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Markdown()) {
		t.Errorf("%s is not what the tags say: run go test ./config -run TestMarkdown -update", file)
	}
}
