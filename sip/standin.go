package sip

// Secret is a password.
type Secret string

func (s Secret) Reveal() string { return string(s) }
