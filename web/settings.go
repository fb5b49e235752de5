package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"dialtone/config"
)

// parameter is one parameter in the answer of GET /api/v1/config.
type parameter struct {
	config.Param
	Value string `json:"value"` // as a profile spells it; of a secret config.Mask, or "" if there is none
	User  string `json:"user"`  // what the login "user" may do now: na, ro or rw
}

// parameters answers with every parameter that is on a page, or with those asked for: ?tag=Proxy_1_&tag=….
func (s *Server) parameters(w http.ResponseWriter, r *http.Request) {
	settings, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	list := []parameter{}
	wanted := r.URL.Query()["tag"]
	if len(wanted) == 0 {
		for _, p := range config.Params() {
			if !p.Hidden {
				list = append(list, describe(&settings, p))
			}
		}
	}
	for _, tag := range wanted {
		p, ok := config.Lookup(tag)
		if !ok || p.Hidden {
			fail(w, r, http.StatusNotFound, fmt.Sprintf("%.80q is no parameter of this phone", tag))
			return
		}
		list = append(list, describe(&settings, p))
	}
	answer(w, http.StatusOK, map[string][]parameter{"parameters": list})
}

func describe(settings *config.Settings, p config.Param) parameter {
	value, _ := settings.Get(p.Tag)
	if p.Secret {
		value = config.Secret(value).String()
	}
	return parameter{Param: p, Value: value, User: settings.AccessTo(p.Tag)}
}

// setReport is the answer of POST /api/v1/config: every name of the request is in one of the four.
type setReport struct {
	Applied []string          `json:"applied"` // changed, kept on disk and in force
	Same    []string          `json:"same"`    // had this value already
	Ignored []string          `json:"ignored"` // no parameter of this phone
	Refused map[string]string `json:"refused"` // and why; the others are not affected
}

// change gives settings the values and reports what became of each.
func (s *Server) change(settings config.Settings, values map[string]json.RawMessage) (config.Settings, setReport) {
	report := setReport{Applied: []string{}, Same: []string{}, Ignored: []string{}, Refused: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, known := config.Lookup(name)
		if !known {
			report.Ignored = append(report.Ignored, name)
			continue
		}
		text, err := parameterText(values[name])
		before, _ := settings.Get(p.Tag)
		if err == nil && s.config.Check != nil {
			err = s.config.Check(p.Tag, text)
		}
		if err == nil {
			err = settings.Set(p.Tag, text)
		}
		after, _ := settings.Get(p.Tag)
		switch {
		case err != nil:
			report.Refused[name] = err.Error()
		case before == after:
			report.Same = append(report.Same, name)
		default:
			report.Applied = append(report.Applied, name)
		}
	}
	return settings, report
}

// parameterText is a JSON value as a profile spells it.
func parameterText(raw json.RawMessage) (string, error) {
	var v any
	if err := decodeStrict(raw, &v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		if v {
			return "Yes", nil
		}
		return "No", nil
	}
	return "", errors.New("a text, a number, true or false is expected")
}

// setParameters sets parameters by their Cisco names, {"Proxy_1_":"example.test"}. A wrong value is refused
// alone. What is accepted is on disk before it is in force, and in force before the answer.
func (s *Server) setParameters(w http.ResponseWriter, r *http.Request) {
	var values map[string]json.RawMessage
	if err := decode(r, &values); err != nil {
		badBody(w, r, err)
		return
	}
	if values == nil {
		fail(w, r, http.StatusBadRequest, `a JSON object is expected: {"Proxy_1_":"example.test"}`)
		return
	}
	var report setReport
	ctx, cancel := ask(r)
	defer cancel()
	err := s.config.Source.UpdateSettings(ctx, func(settings config.Settings) (config.Settings, bool) {
		settings, report = s.change(settings, values)
		return settings, len(report.Applied) > 0
	})
	if err != nil {
		s.silent(w, r, err)
		return
	}
	answer(w, http.StatusOK, report)
}
