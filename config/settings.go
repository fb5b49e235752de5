package config

import "fmt"

// Implementation constants: how many of each this phone has.
const (
	Lines    = 8  // Ext 1–8
	LineKeys = 8  // keys of a handset that can be given a line or a function
	Units    = 3  // key expansion units
	UnitKeys = 28 // keys of an expansion unit
)

// Settings is every parameter of the phone, a value to be copied. Field names are the labels of the
// reference in one word; the tags on the fields are the only definition of a parameter, and the profile
// parser, the dump, the tables, docs/parameters.md and the web form are made from them.
type Settings struct {
	System       System       `page:"System"`
	SIP          SIP          `page:"SIP"`
	Provisioning Provisioning `page:"Provisioning"`
	Regional     Regional     `page:"Regional"`
	Phone        Phone        `page:"Phone"`
	User         User         `page:"User"`
	Line         [Lines]Line  `page:"Ext n"` // Line[0] is Ext 1
	AttConsole   AttConsole   `page:"Att Console"`

	// Access holds, by tag, what the login "user" may do with a parameter where a profile changed it:
	// na, ro or rw (reference B.1.2). Copies share the map, so it is never changed, only replaced;
	// nil if there is nothing in it.
	Access map[string]string
}

// Default returns the factory settings. Admin_Password is empty in them: the firmware makes a random one.
func Default() Settings { return table.defaults }

// Get returns a parameter's value as a profile spells it, secrets in clear. It reports false for a tag
// that is no parameter.
func (s *Settings) Get(tag string) (string, bool) {
	e := table.find(tag)
	if e == nil {
		return "", false
	}
	return e.text(s), true
}

// Set gives a parameter the value that text spells, or returns an error that names what is allowed and
// leaves it alone. An empty text clears a text parameter and is refused for any other; a secret made of
// asterisks only is a mask that came back and changes nothing.
func (s *Settings) Set(tag, text string) error {
	e := table.find(tag)
	if e == nil {
		return fmt.Errorf("%q is no parameter of this phone", shown(tag))
	}
	value, err := clean(text)
	if err == nil {
		err = e.set(s, value)
	}
	switch {
	case err == nil:
		return nil
	case e.Secret:
		return fmt.Errorf("%s %w", e.Tag, err)
	}
	return fmt.Errorf("%s: %q %w", e.Tag, shown(text), err)
}

// AccessTo returns what the login "user" may do with a parameter: na, ro or rw; "" if there is none.
func (s *Settings) AccessTo(tag string) string {
	e := table.find(tag)
	if e == nil {
		return ""
	}
	return e.access(s)
}

func (e *entry) access(s *Settings) string {
	if ua, ok := s.Access[e.Tag]; ok {
		return ua
	}
	return e.Access
}

// setAccess keeps a changed access right. Only what differs from the definition is kept, so that equal
// settings compare equal. It writes into the map: s must not share it.
func (e *entry) setAccess(s *Settings, ua string) {
	if ua == e.Access {
		delete(s.Access, e.Tag)
		return
	}
	if s.Access == nil {
		s.Access = make(map[string]string)
	}
	s.Access[e.Tag] = ua
}
