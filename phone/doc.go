// Package phone is the brain of the handset: lines, calls, dialing, ringing, hold.
//
// It is pure: Step takes the time and one event and returns actions; View says what the screen shows.
// It knows neither SIP nor SDP nor sockets. It imports hal and keypad only.
//
//	         lift, talk,            number            the other           the other
//	         speaker, line          complete          side rings          side answers
//	idle ---------------> dialing ---------> calling ---------> ringing -------------> talking
//	 ^ ^                     |                  |                  |                    |  ^
//	 | |  replaced, end      |    refused, no   |                  |     far end hung up|  |
//	 | +---------------------+    answer, ...   v                  v                    |  |
//	 |                    +-----------------> failed (tone until the handset is back) <-+  |
//	 | replaced, end      |                     |                                          |
//	 +--------------------+---------------------+                                          |
//	 |   call for us                                  lift, talk, speaker, line            |
//	 +--------------------> incoming ------------------------------------------------------+
//
// That is one call; there may be several, on several lines. At most one of them is in hand and goes this
// way (hand.go). Every other one rings, which the user hears as a beep over the voice, or is on hold: it
// was put there when the user answered or placed another. When the call in hand is over, the one that
// rings does so aloud, or the one on hold comes in hand and waits to be taken back.
package phone
