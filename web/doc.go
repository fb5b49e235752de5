// Package web is the phone's page and API: a snapshot of the state goes out, commands come in.
//
// It imports config and phone, never the machines that decide.
package web
