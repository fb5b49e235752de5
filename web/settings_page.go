package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dialtone/config"
)

// Implementation constants of the settings page.
const (
	maxFound      = 200 // parameters a search shows
	maxQuery      = 100 // bytes of what is searched for
	manyFields    = 60  // a page with more opens with its sections closed
	longValue     = 60  // characters of a value that gets several rows
	clearPrefix   = "clear:"
	againPrefix   = "again:"
	seenField     = "seen"    // what the page showed when it was made
	partialField  = "partial" // only what was edited is sent: the page's script saw to it
	sectionServer = "Proxy and Registration"
)

// A settingsPage is one page of parameters, the result of a search, or those that are not as they were made.
type settingsPage struct {
	Tabs     []settingsTab
	Title    string
	Page     string // "Ext 1"; "" for a search
	Query    string
	Changed  bool // only those that differ from their default
	Sections []settingsSection
	Count    int  // fields shown
	More     bool // the search found more than is shown
	Seen     string
	Status   Status
	Line     *LineStatus // of an Ext page
	LineNo   int
	Result   *settingsResult
	Note     string
	CanLeave bool
}

type settingsTab struct {
	Name   string
	Active bool
}

type settingsSection struct {
	Page, Name string // Page for a search only
	Open       bool
	Servers    bool // the live server table stands beside it
	Fields     []settingsField
}

// A settingsField is one parameter as it is shown.
type settingsField struct {
	config.Param
	Value   string // in the field: the one in force, or what was refused; of a secret: always empty
	InForce string // what "Undo" goes back to; of a secret: always empty
	Set     bool   // a secret is set
	Kind    string // select, number, area, secret or text
	Min     string
	Max     string
	Step    string
	Default string // as it is told to people
	Differs bool   // from the default
	Twice   bool   // a password that is entered twice
	Applied bool
	Error   string
}

// A settingsResult is what became of a form.
type settingsResult struct {
	Applied, Same int
	Refused       []refusedSetting
	Unknown       []string
	Profile       bool
}

type refusedSetting struct{ Tag, Label, Why string }

// ID is the field's in the page.
func (f settingsField) ID() string { return "f-" + f.Tag }

// settings shows one page, a search, or what differs from the defaults.
func (s *Server) settings(w http.ResponseWriter, r *http.Request) {
	settings, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	page := s.newSettingsPage(r, r.URL.Query(), &settings)
	if r.URL.Query().Has("part") {
		s.render(w, http.StatusOK, "fields", page)
		return
	}
	s.showSettings(w, r, http.StatusOK, page)
}

// showSettings fills in what is live and renders the page.
func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, code int, page settingsPage) {
	status, ok := s.askStatus(w, r)
	if !ok {
		return
	}
	page.Status = status
	page.Line = lineOf(status, page.LineNo)
	who, _ := r.Context().Value(loginKey{}).(login)
	page.CanLeave = who.cookie != ""
	s.render(w, code, "settings.html", page)
}

func lineOf(status Status, number int) *LineStatus {
	if i := slices.IndexFunc(status.Lines, func(l LineStatus) bool { return l.Line == number }); i >= 0 {
		return &status.Lines[i]
	}
	return nil
}

// settingsLive is the part of the page that changes by itself: the strip of lines, and the servers of one.
func (s *Server) settingsLive(w http.ResponseWriter, r *http.Request) {
	status, ok := s.askStatus(w, r)
	if !ok {
		return
	}
	page := settingsPage{Status: status, LineNo: lineOfPage(r.URL.Query().Get("page"))}
	page.Line = lineOf(status, page.LineNo)
	name := "strip"
	if r.URL.Query().Has("servers") {
		name = "servers"
	}
	s.render(w, http.StatusOK, name, page)
}

func lineOfPage(page string) int {
	var n int
	if _, err := fmt.Sscanf(page, "Ext %d", &n); err != nil {
		return 0
	}
	return n
}

// newSettingsPage chooses what the query asks for: page, q, changed.
func (s *Server) newSettingsPage(_ *http.Request, query url.Values, settings *config.Settings) settingsPage {
	p := settingsPage{Page: query.Get("page"), Query: strings.TrimSpace(query.Get("q")), Changed: query.Get("changed") != ""}
	p.Query = p.Query[:min(len(p.Query), maxQuery)]
	var names []string
	for _, param := range config.Params() {
		if !param.Hidden && !slices.Contains(names, param.Page) {
			names = append(names, param.Page)
		}
	}
	searching := p.Query != "" || p.Changed
	if !searching && !slices.Contains(names, p.Page) {
		p.Page = "Ext 1"
	}
	if searching {
		p.Page = ""
	}
	for _, name := range names {
		p.Tabs = append(p.Tabs, settingsTab{name, name == p.Page})
	}
	p.LineNo = lineOfPage(p.Page)
	p.Title = p.Page
	switch {
	case p.Query != "":
		p.Title = "Search: " + p.Query
	case p.Changed:
		p.Title = "Changed settings"
	}
	for _, param := range config.Params() {
		if param.Hidden {
			continue
		}
		f := newSettingsField(settings, param)
		switch {
		case !searching && param.Page != p.Page, searching && !p.finds(f):
			continue
		case searching && p.Count == maxFound:
			p.More = true
			continue
		}
		p.add(f)
	}
	for i := range p.Sections {
		p.Sections[i].Open = searching || p.Count <= manyFields || p.Sections[i].Servers || p.Sections[i].Name == "Subscriber Information"
	}
	p.Seen = p.digest()
	return p
}

// finds tells whether a search is for the field: every word of it stands somewhere.
func (p *settingsPage) finds(f settingsField) bool {
	if p.Changed && !f.Differs {
		return false
	}
	text := strings.ToLower(strings.Join([]string{f.Tag, f.Label, f.Help, f.Section, f.Page, f.Value}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(p.Query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// add puts a field into its section.
func (p *settingsPage) add(f settingsField) {
	p.Count++
	page := ""
	if p.Page == "" {
		page = f.Page
	}
	if n := len(p.Sections); n == 0 || p.Sections[n-1].Name != f.Section || p.Sections[n-1].Page != page {
		p.Sections = append(p.Sections, settingsSection{Page: page, Name: f.Section, Servers: p.LineNo > 0 && f.Section == sectionServer})
	}
	last := &p.Sections[len(p.Sections)-1]
	last.Fields = append(last.Fields, f)
}

// digest stands for the values shown, so that a form made from old ones is noticed.
func (p *settingsPage) digest() string {
	h := sha256.New()
	for _, section := range p.Sections {
		for _, f := range section.Fields {
			fmt.Fprintf(h, "%s=%q %t\n", f.Tag, f.Value, f.Set)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func newSettingsField(settings *config.Settings, p config.Param) settingsField {
	value, _ := settings.Get(p.Tag)
	f := settingsField{Param: p, Value: value, Default: p.Default, Differs: value != p.Default, Kind: "text"}
	switch {
	case p.Secret:
		f.Kind, f.Value, f.Set, f.Default = "secret", "", value != "", ""
		f.Twice = p.Tag == "Admin_Password" || p.Tag == "User_Password"
	case len(p.Options) > 0:
		f.Kind = "select"
	case p.Type == "Number" || p.Type == "Port" || p.Type == "Time":
		f.Kind = "number"
		bounds, _, _ := strings.Cut(p.Range, " ")
		f.Min, f.Max, _ = strings.Cut(strings.TrimSuffix(bounds, ","), "–")
		f.Step = "1"
		if strings.Contains(p.Range, "decimals") {
			f.Step = "any"
		}
	case p.Type == "DialPlan" || strings.ContainsAny(value, "\r\n") || len(value) > longValue:
		f.Kind = "area"
	}
	f.InForce = f.Value
	return f
}

// setSettings takes the form of a page, a search or a profile file.
func (s *Server) setSettings(w http.ResponseWriter, r *http.Request) {
	form, profile, err := readSettingsForm(r)
	if err != nil {
		var tooLarge *http.MaxBytesError
		code := http.StatusBadRequest
		if errors.As(err, &tooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		fail(w, r, code, "the form cannot be read: "+err.Error())
		return
	}
	settings, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	if profile != nil {
		s.setProfile(w, r, form, profile)
		return
	}
	before := s.newSettingsPage(r, form, &settings)
	if form.Get(partialField) == "" && form.Get(seenField) != before.Seen {
		before.Note = "The settings were changed by somebody else while this page was open. Nothing was applied; here is what holds now."
		s.showSettings(w, r, http.StatusConflict, before)
		return
	}
	values, refused := formValues(form, before)
	var report setReport
	ctx, cancel := ask(r)
	defer cancel()
	err = s.config.Source.UpdateSettings(ctx, func(settings config.Settings) (config.Settings, bool) {
		settings, report = s.change(settings, values)
		return settings, len(report.Applied) > 0
	})
	if err != nil {
		s.silent(w, r, err)
		return
	}
	maps.Copy(report.Refused, refused)
	after, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	page := s.newSettingsPage(r, form, &after)
	page.report(report, form)
	if s.config.PasswordHash != nil && slices.Contains(report.Applied, "Admin_Password") {
		page.Note = "The admin password has changed: all sessions end, log in again with the new one."
	}
	code := http.StatusOK
	if len(report.Refused) > 0 {
		code = http.StatusUnprocessableEntity
	}
	s.showSettings(w, r, code, page)
}

// readSettingsForm reads a form, with a file or without.
func readSettingsForm(r *http.Request) (form url.Values, profile []byte, err error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		if err := r.ParseForm(); err != nil {
			return nil, nil, err
		}
		return r.PostForm, nil, nil
	}
	if err := r.ParseMultipartForm(maxConfigBody); err != nil {
		return nil, nil, err
	}
	defer r.MultipartForm.RemoveAll()
	file, _, err := r.FormFile("profile")
	if err != nil {
		return nil, nil, errors.New("no profile file was chosen")
	}
	defer file.Close()
	profile, err = io.ReadAll(file)
	return url.Values(r.MultipartForm.Value), profile, err
}

// formValues are the parameters a form sets, as the API would be given them, and those it may not. A secret
// left empty stays as it is.
func formValues(form url.Values, page settingsPage) (values map[string]json.RawMessage, refused map[string]string) {
	values, refused = make(map[string]json.RawMessage), make(map[string]string)
	for _, section := range page.Sections {
		for _, f := range section.Fields {
			text, sent := form[f.Tag]
			if !sent || len(text) != 1 {
				continue
			}
			value := strings.ReplaceAll(text[0], "\r\n", "\n")
			if f.Secret {
				clearing := form.Get(clearPrefix+f.Tag) != ""
				switch {
				case value == "" && !clearing:
					continue
				case value != "" && clearing:
					refused[f.Tag] = "either a new value or none, not both"
					continue
				case f.Twice && value != "" && value != form.Get(againPrefix+f.Tag):
					refused[f.Tag] = "the two entries differ"
					continue
				}
			}
			values[f.Tag], _ = json.Marshal(value)
		}
	}
	return values, refused
}

// report tells at each field what became of it. What was refused stays in its field.
func (p *settingsPage) report(report setReport, form url.Values) {
	result := &settingsResult{Applied: len(report.Applied), Same: len(report.Same), Unknown: report.Ignored}
	for i := range p.Sections {
		for j := range p.Sections[i].Fields {
			f := &p.Sections[i].Fields[j]
			f.Applied = slices.Contains(report.Applied, f.Tag)
			p.Sections[i].Open = p.Sections[i].Open || f.Applied
			why, wrong := report.Refused[f.Tag]
			if !wrong {
				continue
			}
			f.Error = why
			if !f.Secret {
				f.Value = form.Get(f.Tag)
			}
			p.Sections[i].Open = true
			result.Refused = append(result.Refused, refusedSetting{f.Tag, f.Label, why})
		}
	}
	p.Result = result
}

// setProfile applies a profile file, as if it had been fetched.
func (s *Server) setProfile(w http.ResponseWriter, r *http.Request, form url.Values, profile []byte) {
	var report config.Report
	var wrong error
	ctx, cancel := ask(r)
	defer cancel()
	err := s.config.Source.UpdateSettings(ctx, func(settings config.Settings) (config.Settings, bool) {
		settings, report, wrong = config.Parse(profile, settings)
		return settings, wrong == nil && len(report.Applied)+len(report.Access) > 0
	})
	if err != nil {
		s.silent(w, r, err)
		return
	}
	settings, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	page := s.newSettingsPage(r, form, &settings)
	if wrong != nil {
		page.Note = "The profile was not applied: " + wrong.Error()
		s.showSettings(w, r, http.StatusUnprocessableEntity, page)
		return
	}
	page.Result = &settingsResult{Applied: len(report.Applied), Same: report.Same, Unknown: report.UnknownTags, Profile: true}
	for _, refused := range report.Refused {
		page.Result.Refused = append(page.Result.Refused, refusedSetting{refused.Tag, refused.Tag, refused.String()})
	}
	s.showSettings(w, r, http.StatusOK, page)
}

// toSettings leads from the reference's path to ours.
func (s *Server) toSettings(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/settings", http.StatusSeeOther)
}
