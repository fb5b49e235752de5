package web

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dialtone/config"
)

// fieldNames finds the controls of a page.
var (
	fieldNames = regexp.MustCompile(`<(?:input|select|textarea) id="i-[^"]+" name="([^"]+)"`)
	seenValue  = regexp.MustCompile(`name="seen" value="([^"]+)"`)
)

func settingsPages() (names []string) {
	for _, p := range config.Params() {
		if !slices.Contains(names, p.Page) && !p.Hidden {
			names = append(names, p.Page)
		}
	}
	return names
}

// form are the fields of a page as a browser without script would send them back.
func (d *desk) form(page string) url.Values {
	d.Helper()
	body := d.want("the page", d.send("GET", "/settings?page="+url.QueryEscape(page), ""), http.StatusOK, "Submit all changes")
	form := url.Values{"page": {page}, "seen": {seenValue.FindStringSubmatch(body)[1]}}
	for _, m := range fieldNames.FindAllStringSubmatchIndex(body, -1) {
		name := body[m[2]:m[3]]
		rest := body[m[0]:]
		rest = rest[:strings.Index(rest, `<p class="help"`)]
		value := ""
		switch {
		case strings.HasPrefix(rest, "<select"):
			value = regexp.MustCompile(`<option selected>([^<]*)<`).FindStringSubmatch(rest)[1]
		case strings.HasPrefix(rest, "<textarea"):
			value = regexp.MustCompile(`(?s)>\n(.*?)</textarea>`).FindStringSubmatch(rest)[1]
			value = strings.ReplaceAll(value, "\n", "\r\n") // as browsers send it
		default:
			value = regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(rest)[1]
		}
		form.Set(name, html.UnescapeString(value))
	}
	return form
}

func (d *desk) post(form url.Values, alterations ...alteration) *httptest.ResponseRecorder {
	d.Helper()
	return d.send("POST", "/settings", form.Encode(), append([]alteration{header("Content-Type", "application/x-www-form-urlencoded")}, alterations...)...)
}

func TestSettingsShowEveryParameterOnce(t *testing.T) {
	d := newDesk(t)
	seen := map[string]int{}
	for _, page := range settingsPages() {
		body := d.want("the page", d.send("GET", "/settings?page="+url.QueryEscape(page), ""), http.StatusOK, page)
		for _, m := range fieldNames.FindAllStringSubmatch(body, -1) {
			seen[m[1]]++
		}
	}
	for _, p := range config.Params() {
		if want := map[bool]int{false: 1}[p.Hidden]; seen[p.Tag] != want {
			t.Errorf("%s is shown %d times, want %d", p.Tag, seen[p.Tag], want)
		}
	}
}

// A page that is sent back as it came changes nothing, whatever stands in it.
func TestSettingsRoundTrip(t *testing.T) {
	d := newDesk(t)
	for tag, value := range map[string]string{
		"Display_Name_1_": `Ann <"&'> Ö`, "Dial_Plan_1_": "(xx.|<9:>x&'.)", "GPP_A": `a "quoted" <value>`, "Station_Name": "x",
		"Profile_Rule": "http://user:pw@server/$MA.xml", "Secure_Call_Option_1_": "Strict",
	} {
		if err := d.phone.settings.Set(tag, value); err != nil {
			t.Fatal(err)
		}
	}
	before := d.phone.settings
	for _, page := range settingsPages() {
		d.want("sent back as it came", d.post(d.form(page)), http.StatusOK, "Nothing was changed.")
	}
	if d.phone.saved != 0 {
		t.Errorf("the settings were saved %d times", d.phone.saved)
	}
	for _, p := range config.Params() {
		was, _ := before.Get(p.Tag)
		is, _ := d.phone.settings.Get(p.Tag)
		if was != is {
			t.Errorf("%s was %q and is %q", p.Tag, was, is)
		}
	}
}

func TestSettingsAreSet(t *testing.T) {
	d := newDesk(t)
	form := d.form("Ext 1")
	form.Set("Dual_Registration_1_", "Yes")
	form.Set("Alternate_Proxy_1_", "b.example.test")
	form.Set("Alternate_Outbound_Proxy_1_", "192.0.2.9:5070")
	form.Set("Register_Expires_1_", "many")
	body := d.want("three are applied, one refused", d.post(form), http.StatusUnprocessableEntity, "3 settings were changed")
	for _, part := range []string{"1 was refused", `value="many"`, `data-value="3600"`, "Changed and in force.", `href="#f-Register_Expires_1_"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page does not hold %q", part)
		}
	}
	l := d.phone.settings.Line[0]
	if !l.DualRegistration || l.AlternateProxy != "b.example.test" || l.AlternateOutboundProxy != "192.0.2.9:5070" || l.RegisterExpires != 3600 {
		t.Errorf("in force: %v %q %q %d", l.DualRegistration, l.AlternateProxy, l.AlternateOutboundProxy, l.RegisterExpires)
	}
	if d.phone.saved != 1 {
		t.Errorf("saved %d times", d.phone.saved)
	}
}

func TestSettingsOfOldPages(t *testing.T) {
	d := newDesk(t)
	form := d.form("Ext 1")
	if err := d.phone.settings.Set("Proxy_1_", "elsewhere.example"); err != nil {
		t.Fatal(err)
	}
	form.Set("Display_Name_1_", "Ann")
	d.want("somebody else was faster", d.post(form), http.StatusConflict, "changed by somebody else")
	if l := d.phone.settings.Line[0]; l.Proxy != "elsewhere.example" || l.DisplayName != "" {
		t.Errorf("an old page put back %q, %q", l.Proxy, l.DisplayName)
	}
	d.want("only what was edited", d.post(url.Values{"page": {"Ext 1"}, "partial": {"1"}, "Display_Name_1_": {"Ann"}}), http.StatusOK, "1 setting was")
	if l := d.phone.settings.Line[0]; l.Proxy != "elsewhere.example" || l.DisplayName != "Ann" {
		t.Errorf("in force: %q, %q", l.Proxy, l.DisplayName)
	}
}

func TestSettingsSecrets(t *testing.T) {
	d := newDesk(t)
	set := func(pairs ...string) url.Values {
		form := url.Values{"page": {"Ext 1"}, "partial": {"1"}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	for _, page := range append(settingsPages(), "") {
		path := "/settings?page=" + url.QueryEscape(page)
		if page == "" {
			path = "/settings?q=" + url.QueryEscape("password")
		}
		body := d.want("a page", d.send("GET", path, ""), http.StatusOK, "")
		for _, secret := range []string{"topsecret", testPassword} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
	}
	if body := d.want("a search for a secret's value", d.send("GET", "/settings?q=topsecret", ""), http.StatusOK, "Nothing is found"); strings.Contains(body, "i-Password_1_") {
		t.Error("a secret can be searched for")
	}
	d.want("empty leaves it", d.post(set("Password_1_", "")), http.StatusOK, "Nothing was changed")
	if p := d.phone.settings.Line[0].Password; p.Reveal() != "topsecret" {
		t.Errorf("an empty field set the password to %q", p.Reveal())
	}
	d.want("a new one and none", d.post(set("Password_1_", "x", "clear:Password_1_", "1")), http.StatusUnprocessableEntity, "not both")
	d.want("a new one", d.post(set("Password_1_", "n3w")), http.StatusOK, "1 setting was")
	d.want("none", d.post(set("Password_1_", "", "clear:Password_1_", "1")), http.StatusOK, "1 setting was")
	if p := d.phone.settings.Line[0].Password; p.Reveal() != "" {
		t.Errorf("cleared, it is %q", p.Reveal())
	}
	admin := func(pairs ...string) url.Values {
		form := set(pairs...)
		form.Set("page", "System")
		return form
	}
	d.want("the admin password once", d.post(admin("Admin_Password", "Str0ng-one")), http.StatusUnprocessableEntity, "two entries differ")
	d.want("and once more, otherwise", d.post(admin("Admin_Password", "Str0ng-one", "again:Admin_Password", "Str0ng-two")), http.StatusUnprocessableEntity, "two entries differ")
	d.want("twice the same", d.post(admin("Admin_Password", "Str0ng-one", "again:Admin_Password", "Str0ng-one")), http.StatusOK, "admin password has changed")
}

// TestSettingsTellThePasswordRule: what the page says of a password is what is asked of one.
func TestSettingsTellThePasswordRule(t *testing.T) {
	d := newDesk(t)
	body := d.want("the page", d.send("GET", "/settings?page=System", ""), http.StatusOK, `id="h-Admin_Password"`)
	help := body[strings.Index(body, `id="h-Admin_Password"`):]
	help = help[:strings.Index(help, "</p>")]
	if !strings.Contains(help, "4–127 characters") || strings.Contains(help, "kinds") {
		t.Errorf("the rule as told: %s", help)
	}
	set := func(password string) url.Values {
		return url.Values{"page": {"System"}, "partial": {"1"}, "Admin_Password": {password}, "again:Admin_Password": {password}}
	}
	d.want("three characters", d.post(set("abc")), http.StatusUnprocessableEntity, "1 was refused")
	d.want("four of one kind", d.post(set("abcd")), http.StatusOK, "1 setting was")
}

func TestSettingsAreCheckedDeeper(t *testing.T) {
	d := newDesk(t)
	d.server.config.Check = func(tag, value string) error {
		if tag == "Dial_Plan_1_" && value == "(q)" {
			return errors.New("character 2: q does not belong in a dial plan")
		}
		return nil
	}
	d.want("by the page", d.post(url.Values{"page": {"Ext 1"}, "partial": {"1"}, "Dial_Plan_1_": {"(q)"}}), http.StatusUnprocessableEntity, "character 2")
	d.want("by the API", d.send("POST", "/api/v1/config", `{"Dial_Plan_1_":"(q)"}`), http.StatusOK, "character 2")
	if plan := d.phone.settings.Line[0].DialPlan; plan == "(q)" {
		t.Error("the plan was set")
	}
}

func TestSettingsSearch(t *testing.T) {
	d := newDesk(t)
	body := d.want("by words of the name", d.send("GET", "/settings?q=dual+registration", ""), http.StatusOK, "i-Dual_Registration_8_")
	if strings.Contains(body, "i-Register_Expires_1_") {
		t.Error("it finds what was not searched for")
	}
	d.want("by a value", d.send("GET", "/settings?q=example.test", ""), http.StatusOK, "i-Proxy_1_")
	body = d.want("a part of the page", d.send("GET", "/settings?part=1&q=dual", ""), http.StatusOK, `<form id="form"`)
	if strings.Contains(body, "<html") {
		t.Error("the part is a whole page")
	}
	body = d.want("what differs from the default", d.send("GET", "/settings?changed=1", ""), http.StatusOK, "i-User_ID_1_")
	if strings.Contains(body, "i-User_ID_2_") {
		t.Error("it shows what does not differ")
	}
	d.want("too much is cut", d.send("GET", "/settings?q=e", ""), http.StatusOK, "and more")
	form := url.Values{"q": {"dual registration"}, "partial": {"1"}, "Dual_Registration_2_": {"Yes"}}
	d.want("found ones are set", d.post(form), http.StatusOK, "1 setting was")
	d.want("what was not shown is not set", d.post(url.Values{"q": {"dual registration"}, "partial": {"1"}, "Proxy_2_": {"x.example"}}), http.StatusOK, "Nothing was changed")
}

func TestSettingsAreLive(t *testing.T) {
	d := newDesk(t)
	d.want("the servers of the line", d.send("GET", "/settings?page=Ext+1", ""), http.StatusOK, "udp:127.0.0.11:5060")
	body := d.want("a part of them", d.send("GET", "/settings/live?servers=1&page=Ext+1", ""), http.StatusOK, "a.example.test")
	if strings.Contains(body, "<html") {
		t.Error("the part is a whole page")
	}
	d.want("a line that is not in service", d.send("GET", "/settings/live?servers=1&page=Ext+2", ""), http.StatusOK, "not in service")
	d.want("the strip", d.send("GET", "/settings/live", ""), http.StatusOK, "registered")
}

func TestSettingsGate(t *testing.T) {
	d := newDesk(t)
	form := url.Values{"page": {"Ext 1"}, "partial": {"1"}, "Proxy_1_": {"evil.example"}}
	if w := d.post(form, header("Origin", "http://evil.example"), header("Sec-Fetch-Site", "cross-site")); w.Code != http.StatusForbidden {
		t.Errorf("another page's form: %d", w.Code)
	}
	if w := d.post(form, nobody); w.Code != http.StatusUnauthorized {
		t.Errorf("without a login: %d", w.Code)
	}
	if w := d.post(url.Values{"page": {"Ext 1"}, "partial": {"1"}, "Display_Name_1_": {strings.Repeat("x", maxConfigBody)}}); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a form without end: %d", w.Code)
	}
	if w := d.post(url.Values{"page": {"nowhere"}}); w.Code != http.StatusConflict {
		t.Errorf("a page there is not: %d", w.Code)
	}
	if p := d.phone.settings.Line[0].Proxy; p != "example.test" {
		t.Errorf("the proxy is %q", p)
	}
	for _, path := range []string{"/admin/advanced", "/admin/"} {
		if w := d.send("GET", path, ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/settings" {
			t.Errorf("%s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestSettingsProfileFile(t *testing.T) {
	d := newDesk(t)
	upload := func(profile string) *httptest.ResponseRecorder {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		part, err := m.CreateFormFile("profile", "phone.xml")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(part, profile)
		m.WriteField("page", "Ext 1")
		m.Close()
		return d.send("POST", "/settings", b.String(), header("Content-Type", m.FormDataContentType()))
	}
	body := d.want("a profile", upload("<flat-profile><Display_Name_1_>Ann</Display_Name_1_><Register_Expires_1_>x</Register_Expires_1_><Nonsense/></flat-profile>"), http.StatusOK, "1 setting was")
	if !strings.Contains(body, "1 was refused") || !strings.Contains(body, "Nonsense") || d.phone.settings.Line[0].DisplayName != "Ann" {
		t.Errorf("what became of it: %s", body[strings.Index(body, `id="result"`):][:600])
	}
	d.want("no profile", upload("<html>"), http.StatusUnprocessableEntity, "was not applied")
}

// FuzzSettingsForm sends anything as a form: nothing panics, and what is in force stays valid.
func FuzzSettingsForm(f *testing.F) {
	f.Add("page=Ext+1&partial=1&Proxy_1_=x", "application/x-www-form-urlencoded")
	f.Add("page=System&Admin_Password=a&again:Admin_Password=b&clear:Admin_Password=1", "application/x-www-form-urlencoded")
	f.Add("--b\r\nContent-Disposition: form-data; name=\"profile\"; filename=\"x\"\r\n\r\n<flat-profile/>\r\n--b--", "multipart/form-data; boundary=b")
	f.Fuzz(func(t *testing.T, body, kind string) {
		d := newDesk(t)
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:8080/settings", strings.NewReader(body))
		r.SetBasicAuth(adminUser, testPassword)
		r.Header["Content-Type"] = []string{kind}
		w := httptest.NewRecorder()
		d.server.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q: %d", body, w.Code)
		}
	})
}
