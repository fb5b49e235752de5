// Package web is the phone's page and API: a snapshot of the state goes out, commands come in.
//
// For a board that is simulated the page at / is the telephone itself: what is pressed there goes to
// POST /api/v1/keys, what it shows comes from GET /api/v1/events and screen.png, and it talks and listens
// over GET /api/v1/sound. The state of the phone in words is at /status then.
//
// It imports config and phone, never the machines that decide.
package web
