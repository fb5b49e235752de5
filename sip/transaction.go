package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// The four transaction machines of RFC 3261 section 17, the INVITE ones as corrected by RFC 6026, are
// tables: in a state, an input leads to a next state and to actions. What is not in a table changes nothing.

// txState is the state of a transaction.
type txState uint8

const (
	txWaiting    txState = iota // client only: the connection is opening, nothing was sent
	txTrying                    // "Calling" of the INVITE client, "Trying" of the others
	txProceeding                // a provisional response was seen
	txCompleted                 // a final response was seen, but 2xx to INVITE
	txConfirmed                 // INVITE server only: the ACK came
	txAccepted                  // INVITE only: 2xx was seen. RFC 6026 sections 7.1 and 7.2
	txAbandoned                 // INVITE client only, ours: it was given up, but an answer may still come
	txTerminated
	txStates
)

// txInput is what happens to a transaction.
type txInput uint8

const (
	inRequest txInput = iota // server: the request came again
	inAck                    // server
	in1xx                    // client: received; server: to be sent by the user
	in2xx
	inFailure // 300 to 699
	inResend  // timer A, E or G
	inGiveUp  // timer B, F or H
	inEnd     // timer D, I, J, K, L or M
	inLost    // the transport failed
	txInputs
)

// txActions are what a transaction does on an input, in this order.
type txActions uint16

const (
	doQuiet   txActions = 1 << iota // stop repeating and giving up
	doSlow                          // repeat every T2 from now on
	doLinger                        // start the timer that ends the state
	doWatch                         // server: start timers G and H
	doSend                          // server: send the response; client: send the request again
	doAck                           // client: acknowledge a failure
	doPass                          // tell the user of the transaction
	doTimeout                       // tell the user that nothing came
	doLost                          // tell the user that the transport failed
)

type txRule struct {
	in   txInput
	next txState
	do   txActions
}

type txTable [txStates][]txRule

func (t *txTable) rule(s txState, in txInput) (txRule, bool) {
	for _, r := range t[s] {
		if r.in == in {
			return r, true
		}
	}
	return txRule{}, false
}

// RFC 3261 figure 5 with RFC 6026 section 8.4. A failure is acknowledged before the user hears of it, so
// that a 503 is off the wire before another server is tried.
var inviteClient = txTable{
	txTrying: {
		{in1xx, txProceeding, doQuiet | doPass},
		{in2xx, txAccepted, doQuiet | doLinger | doPass},
		{inFailure, txCompleted, doQuiet | doLinger | doAck | doPass},
		{inResend, txTrying, doSend},
		{inGiveUp, txAbandoned, doQuiet | doLinger | doTimeout},
		{inLost, txAbandoned, doQuiet | doLinger | doLost},
	},
	txProceeding: {
		{in1xx, txProceeding, doPass},
		{in2xx, txAccepted, doQuiet | doLinger | doPass},
		{inFailure, txCompleted, doQuiet | doLinger | doAck | doPass},
		{inGiveUp, txAbandoned, doQuiet | doLinger | doTimeout}, // section 9.1: 64*T1 after a CANCEL
		{inLost, txAbandoned, doQuiet | doLinger | doLost},
	},
	txCompleted: {
		{inFailure, txCompleted, doAck},
		{in2xx, txAccepted, doLinger | doPass}, // against the rules; but somebody picked up and waits
		{inEnd, txTerminated, 0},
	},
	txAccepted: {
		{in2xx, txAccepted, doPass},
		{inEnd, txTerminated, 0},
	},
	txAbandoned: {
		{in1xx, txAbandoned, doPass},
		{in2xx, txAccepted, doLinger | doPass},
		{inFailure, txCompleted, doLinger | doAck},
		{inEnd, txTerminated, 0},
	},
}

// RFC 3261 figure 6.
var requestClient = txTable{
	txTrying: {
		{in1xx, txProceeding, doSlow | doPass},
		{in2xx, txCompleted, doQuiet | doLinger | doPass},
		{inFailure, txCompleted, doQuiet | doLinger | doPass},
		{inResend, txTrying, doSend},
		{inGiveUp, txTerminated, doQuiet | doTimeout},
		{inLost, txTerminated, doQuiet | doLost},
	},
	txProceeding: {
		{in1xx, txProceeding, doPass},
		{in2xx, txCompleted, doQuiet | doLinger | doPass},
		{inFailure, txCompleted, doQuiet | doLinger | doPass},
		{inResend, txProceeding, doSend},
		{inGiveUp, txTerminated, doQuiet | doTimeout},
		{inLost, txTerminated, doQuiet | doLost},
	},
	txCompleted: {
		{inEnd, txTerminated, 0},
	},
}

// RFC 3261 figure 7 with RFC 6026 section 8.5.
var inviteServer = txTable{
	txProceeding: {
		{inRequest, txProceeding, doSend},
		{in1xx, txProceeding, doSend},
		{in2xx, txAccepted, doLinger | doSend},
		{inFailure, txCompleted, doWatch | doSend},
	},
	txCompleted: {
		{inRequest, txCompleted, doSend},
		{inResend, txCompleted, doSend},
		{inAck, txConfirmed, doQuiet | doLinger},
		{inGiveUp, txTerminated, doQuiet},
	},
	txConfirmed: {
		{inEnd, txTerminated, 0},
	},
	txAccepted: { // the user repeats the 2xx (section 13.3.1.4) and takes the ACK
		{in2xx, txAccepted, doSend},
		{inEnd, txTerminated, 0},
	},
}

// RFC 3261 figure 8.
var requestServer = txTable{
	txTrying: {
		{in1xx, txProceeding, doSend},
		{in2xx, txCompleted, doLinger | doSend},
		{inFailure, txCompleted, doLinger | doSend},
	},
	txProceeding: {
		{inRequest, txProceeding, doSend},
		{in1xx, txProceeding, doSend},
		{in2xx, txCompleted, doLinger | doSend},
		{inFailure, txCompleted, doLinger | doSend},
	},
	txCompleted: {
		{inRequest, txCompleted, doSend},
		{inEnd, txTerminated, 0},
	},
}

// inputOf is the input a response is.
func inputOf(code int) txInput {
	switch {
	case code < 200:
		return in1xx
	case code < 300:
		return in2xx
	}
	return inFailure
}

// txTimers are what the two kinds of transactions have in common: repeating, giving up, ending.
type txTimers struct {
	resendAt, giveUpAt, endAt time.Time
	interval                  time.Duration // between the last repetition and the next
}

func (t *txTimers) due() time.Time { return earliest(t.resendAt, t.giveUpAt, t.endAt) }

// fired stops the first timer that is due and says which it was.
func (t *txTimers) fired(now time.Time) (txInput, bool) {
	switch {
	case passed(now, t.endAt):
		t.endAt = time.Time{}
		return inEnd, true
	case passed(now, t.giveUpAt):
		t.giveUpAt = time.Time{}
		return inGiveUp, true
	case passed(now, t.resendAt):
		t.resendAt = time.Time{}
		return inResend, true
	}
	return 0, false
}

func (t *txTimers) quiet() { t.resendAt, t.giveUpAt = time.Time{}, time.Time{} }

// A txKey names a transaction. Method is that which created it: for an ACK, INVITE.
type txKey struct {
	branch, sentBy string
	method         sipmsg.RequestMethod
}
