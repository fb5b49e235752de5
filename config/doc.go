// Package config defines every parameter of the phone once: its Cisco name, type, default, range, help,
// secrecy and page.
//
// From the one definition come the parser of profiles, validation, the cfg.xml dump, the parameter
// table, docs/parameters.md and the web form. It is pure and imports none of our packages.
package config
