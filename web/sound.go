package web

import (
	"net/http"
)

// A SoundLink is one listener's connection with the phone's sound device.
type SoundLink interface{}

type sounds struct{}

func (s *sounds) close() {}

func (s *Server) sound(w http.ResponseWriter, r *http.Request) {
	fail(w, r, http.StatusNotImplemented, "this phone has no sound to be had here")
}
