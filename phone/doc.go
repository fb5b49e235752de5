// Package phone is the brain of the handset: lines, calls, dialing, ringing, hold.
//
// It is pure: Step takes the time and one event and returns actions; View says what the screen shows.
// It knows neither SIP nor SDP nor sockets. It imports hal and keypad only.
package phone
