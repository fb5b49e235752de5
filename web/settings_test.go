package web

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"dialtone/config"
)

func TestParameters(t *testing.T) {
	d := newDesk(t)
	w := d.send("GET", "/api/v1/config", "")
	if strings.Contains(w.Body.String(), "topsecret") || strings.Contains(w.Body.String(), testPassword) {
		t.Error("a secret is shown")
	}
	list := unmarshal[map[string][]map[string]any](t, w.Body)["parameters"]
	found := make(map[string]map[string]any)
	for _, p := range list {
		found[p["tag"].(string)] = p
	}
	for _, p := range config.Params() {
		if _, ok := found[p.Tag]; ok == p.Hidden {
			t.Errorf("%s (hidden %v) is listed: %v", p.Tag, p.Hidden, ok)
		}
	}
	proxy := found["Proxy_1_"]
	for name, want := range map[string]any{"value": "example.test", "label": "Proxy", "page": "Ext 1", "section": "Proxy and Registration", "default": "", "line": 1.0, "user": "na"} {
		if proxy[name] != want {
			t.Errorf("the %s of Proxy_1_ is %v, want %v", name, proxy[name], want)
		}
	}
	for _, name := range []string{"type", "range", "help"} {
		if _, ok := proxy[name].(string); !ok {
			t.Errorf("Proxy_1_ has no %s", name)
		}
	}
	if p := found["Password_1_"]; p["value"] != config.Mask || p["secret"] != true {
		t.Errorf("a password is shown as %v", p)
	}
	if p := found["Password_2_"]; p["value"] != "" {
		t.Errorf("no password is shown as %v", p)
	}
	one := unmarshal[map[string][]map[string]any](t, d.send("GET", "/api/v1/config?tag=Proxy_1_&tag=Register_1_", "").Body)["parameters"]
	if len(one) != 2 || one[0]["tag"] != "Proxy_1_" || one[1]["tag"] != "Register_1_" {
		t.Errorf("two asked for are %v", one)
	}
	d.wantError("one that does not exist", d.send("GET", "/api/v1/config?tag=Nonsense", ""), http.StatusNotFound, `"Nonsense"`)
}

func TestSetParameters(t *testing.T) {
	d := newDesk(t)
	w := d.send("POST", "/api/v1/config", `{"Proxy_1_":"other.test","User_ID_1_":"1001","Nonsense":"1","Register_1_":"maybe","Register_Expires_1_":120,"Make_Call_Without_Reg_1_":true,"Password_1_":"new",
		"Admin_Password":"","Display_Name_1_":null,"SIP_Port_1_":[1]}`)
	if w.Code != http.StatusOK {
		t.Fatalf("setting parameters answers %d %s", w.Code, w.Body)
	}
	report := unmarshal[setReport](t, w.Body)
	want := setReport{
		Applied: []string{"Make_Call_Without_Reg_1_", "Password_1_", "Proxy_1_", "Register_Expires_1_"},
		Same:    []string{"User_ID_1_"}, Ignored: []string{"Nonsense"}, Refused: report.Refused,
	}
	if !reflect.DeepEqual(report, want) {
		t.Errorf("the report is %+v, want %+v", report, want)
	}
	for tag, reason := range map[string]string{"Register_1_": "Yes", "Admin_Password": "must not be empty", "Display_Name_1_": "a text, a number", "SIP_Port_1_": "a text, a number"} {
		if !strings.Contains(report.Refused[tag], reason) {
			t.Errorf("%s is refused because %q, want %q", tag, report.Refused[tag], reason)
		}
	}
	if len(report.Refused) != 4 {
		t.Errorf("refused are %v", report.Refused)
	}
	for tag, want := range map[string]string{"Proxy_1_": "other.test", "Register_Expires_1_": "120", "Make_Call_Without_Reg_1_": "Yes", "Password_1_": "new", "Register_1_": "Yes", "Admin_Password": testPassword} {
		if got, _ := d.phone.settings.Get(tag); got != want {
			t.Errorf("%s is %q now, want %q", tag, got, want)
		}
	}
	if d.phone.saved != 1 {
		t.Errorf("the settings were kept %d times", d.phone.saved)
	}
	d.want("the same again changes nothing", d.send("POST", "/api/v1/config", `{"Proxy_1_":"other.test","Password_1_":"`+config.Mask+`"}`), http.StatusOK, `"applied":[],"same":["Password_1_","Proxy_1_"],"ignored":[],"refused":{}`)
	if d.phone.saved != 1 {
		t.Error("and is kept all the same")
	}
	if got, _ := d.phone.settings.Get("Password_1_"); got != "new" {
		t.Errorf("a mask that comes back changes the password to %q", got)
	}
	if w := d.send("POST", "/api/v1/config", fmt.Sprintf(`{"Password_1_":%q}`, strings.Repeat("topsecret", 5000))); strings.Contains(w.Body.String(), "topsecret") {
		t.Errorf("a refused secret is repeated: %.200s", w.Body)
	}
	for body, want := range map[string]string{``: "empty", `null`: "a JSON object is expected", `[]`: "a JSON object is expected", `{"Proxy_1_":"x"} {}`: "something after", `{"Proxy_1_":"x",}`: "not JSON"} {
		d.wantError(body+" is refused", d.send("POST", "/api/v1/config", body), http.StatusBadRequest, want)
	}
	d.wantError("too much is refused", d.send("POST", "/api/v1/config", `{"Proxy_1_":"`+strings.Repeat("x", maxConfigBody)), http.StatusRequestEntityTooLarge, "larger than")
}
