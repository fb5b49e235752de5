package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
)

// answer writes v as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"error":"the answer cannot be written as JSON"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(data, '\n')) // whoever asked may be gone
}

// fail writes an error: for people who look at a page a page, for everyone else JSON.
func fail(w http.ResponseWriter, r *http.Request, code int, text string) {
	if isPage(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		fmt.Fprintf(w, "<!doctype html><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>dialtone</title>"+
			"<link rel=stylesheet href=/static/style.css><main class=message><p>%s<p><a href=/>Back to the phone</a></main>\n",
			html.EscapeString(strings.ToUpper(text[:1])+text[1:]))
		return
	}
	answer(w, code, map[string]string{"error": text})
}

// decode reads the one JSON value that must be the body of r into v. Fields v does not have are
// refused: a misspelled one would be silently without effect.
func decode(r *http.Request, v any) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &tooLargeError{tooLarge.Limit}
		}
		return errors.New("the body ends too early")
	}
	return decodeStrict(data, v)
}

func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return jsonError(err, data)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON value")
	}
	return nil
}

// jsonError puts the decoder's words into ours, with the place.
func jsonError(err error, data []byte) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + bytes.Count(data[:min(int(e.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("line %d is not JSON: %v", line, e)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Field == "" {
			return fmt.Errorf("a JSON object is expected, not a %s", e.Value)
		}
		return fmt.Errorf("%q cannot be a %s", e.Field, e.Value)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the body is empty: a JSON object is expected")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the body is larger than %d bytes", e.limit)
}

// badBody answers a body that decode refused.
func badBody(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusBadRequest
	if _, ok := errors.AsType[*tooLargeError](err); ok {
		code = http.StatusRequestEntityTooLarge
	}
	fail(w, r, code, err.Error())
}
