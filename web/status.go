package web

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Status is the state of the whole phone at one moment, in the JSON of GET /api/v1/status. People
// script against these names, units and meanings: fields may be added, none may change.
type Status struct {
	Phone        PhoneStatus        `json:"phone"`
	Lines        []LineStatus       `json:"lines"` // every enabled line, in order
	Calls        []CallStatus       `json:"calls"` // living calls and those that ended within 10 s, in order of their IDs
	Provisioning ProvisioningStatus `json:"provisioning"`
	Handset      HandsetStatus      `json:"handset"`

	// Counters are running totals for /metrics, which outlive the calls they come from. They are
	// not part of the JSON.
	Counters []Counter `json:"-"`
	// Picture counts the pictures the screen showed. A screen of pixels may change where its text does
	// not. It is not part of the JSON either.
	Picture uint64 `json:"-"`
}

// PhoneStatus says which phone this is and how long it has been running.
type PhoneStatus struct {
	Version string  `json:"version"`
	Board   string  `json:"board"`
	MAC     string  `json:"mac"` // 12 hexadecimal digits with colons, empty when unknown
	Uptime  Decimal `json:"uptime_s"`
	ClockOK bool    `json:"clock_ok"` // false while the wall clock cannot be trusted (no RTC, no NTP yet)
}

// LineStatus is one line: its registration and the servers it knows.
type LineStatus struct {
	Line    int            `json:"line"` // 1 is Ext 1
	User    string         `json:"user"`
	Domain  string         `json:"domain"`
	State   string         `json:"state"`  // disabled unregistered registering registered failed
	Cause   string         `json:"cause"`  // why it failed, empty otherwise
	Active  string         `json:"active"` // transport:address:port in use, empty when none
	MWI     MWI            `json:"mwi"`
	Servers []ServerStatus `json:"servers"`
	Legs    []LegStatus    `json:"legs"`
	Event   string         `json:"event"`   // what the line decided last, a sentence; empty: nothing yet
	EventS  Decimal        `json:"event_s"` // seconds since then

	Subscription *SubscriptionStatus `json:"subscription,omitempty"` // to waiting messages; absent: the settings want none
}

// SubscriptionStatus is a line's subscription to its waiting messages.
type SubscriptionStatus struct {
	State   string  `json:"state"` // waiting (for the registration) subscribing pending active failed
	Cause   string  `json:"cause"` // why it failed, empty otherwise
	Leg     string  `json:"leg"`
	Server  string  `json:"server"` // transport:address:port it was made by, empty when there is none
	Expires Decimal `json:"expires_s"`
	Refresh Decimal `json:"refresh_s"` // seconds until the next SUBSCRIBE, 0 when none is planned
}

// LegStatus is one leg of a line: the primary, or with dual registration the alternate. Each registers by
// itself.
type LegStatus struct {
	Leg     string  `json:"leg"` // primary, alternate
	Domain  string  `json:"domain"`
	State   string  `json:"state"`  // of the leg's own registration, in the words of a line's state
	Cause   string  `json:"cause"`  // why it failed, or why no server is known
	Active  string  `json:"active"` // its transport:address:port in use, empty when none
	InUse   bool    `json:"in_use"` // requests go by this leg
	Expires Decimal `json:"expires_s"`
	Refresh Decimal `json:"refresh_s"` // seconds until its next REGISTER, 0 when none is planned
}

// MarshalJSON prints s. A list without entries is [], never null.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status // without this method
	s.Lines, s.Calls = orEmpty(s.Lines), orEmpty(s.Calls)
	return json.Marshal(plain(s))
}

// MarshalJSON prints l. A list without entries is [], never null.
func (l LineStatus) MarshalJSON() ([]byte, error) {
	type plain LineStatus // without this method
	l.Servers, l.Legs = orEmpty(l.Servers), orEmpty(l.Legs)
	return json.Marshal(plain(l))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// MWI counts the messages waiting at the voice mail.
type MWI struct {
	New int `json:"new"`
	Old int `json:"old"`
}

// ServerStatus is one entry of a line's server list, in the order they are tried.
type ServerStatus struct {
	Leg        string  `json:"leg"`       // primary, alternate
	Name       string  `json:"name"`      // host name the address came from
	Transport  string  `json:"transport"` // udp, tcp, tls
	Address    string  `json:"address"`   // address:port
	Priority   int     `json:"priority"`
	Weight     int     `json:"weight"`
	State      string  `json:"state"`   // up, down, unknown
	Since      Decimal `json:"since_s"` // seconds in this state
	Cause      string  `json:"cause"`   // why it is down
	Registered bool    `json:"registered"`
	Expires    Decimal `json:"expires_s"` // seconds the registration here still has
	InUse      bool    `json:"in_use"`
	Suspect    bool    `json:"suspect"`   // it owes an answer; others are asked first until it is known to live or to be dead
	Heard      Decimal `json:"heard_s"`   // seconds since it said something, 0 when it never has
	RTT        Decimal `json:"rtt_ms"`    // round trip, 0 when it is not measured
	Probe      Decimal `json:"probe_s"`   // seconds until it is asked for a sign of life, or its silence is judged; 0 when that is not planned
	Refresh    Decimal `json:"refresh_s"` // seconds until the next REGISTER to it, 0 when none is planned
}

// CallStatus is one call.
type CallStatus struct {
	ID        string       `json:"id"` // CallID of the number
	Line      int          `json:"line"`
	Direction string       `json:"direction"` // in, out
	State     string       `json:"state"`     // dialing proceeding ringing incoming connected held remote-held transferring ended
	Peer      string       `json:"peer"`
	PeerName  string       `json:"peer_name"`
	Via       string       `json:"via"`        // transport:address:port
	Duration  Decimal      `json:"duration_s"` // seconds since it was answered, 0 before
	Sent      string       `json:"dtmf_sent"`  // digits sent during the call
	Heard     string       `json:"dtmf_heard"` // digits the far end sent
	Reason    ReasonStatus `json:"reason"`     // why it ended
	Secure    bool         `json:"secure"`     // voice is encrypted, and the signalling that carried its keys
	RTP       RTPStatus    `json:"rtp"`
}

// ReasonStatus is why a call ended, in the words shown on the screen.
type ReasonStatus struct {
	Title string `json:"title"`
	Hint  string `json:"hint"`
}

// RTPStatus is the voice stream of a call; all zero before it has one.
type RTPStatus struct {
	Local     string  `json:"local"`
	Remote    string  `json:"remote"`
	Codec     string  `json:"codec"`
	Ptime     int     `json:"ptime_ms"`
	SRTP      bool    `json:"srtp"`
	Suite     string  `json:"suite"` // that protects the voice, empty without SRTP
	TxPackets uint64  `json:"tx_packets"`
	RxPackets uint64  `json:"rx_packets"`
	RxLost    uint64  `json:"rx_lost"`
	RxLate    uint64  `json:"rx_late"`
	RxForged  uint64  `json:"rx_forged"` // packets that were not of the keys agreed on
	Concealed Decimal `json:"concealed_ms"`
	Jitter    Decimal `json:"jitter_ms"`
	Buffer    Decimal `json:"buffer_ms"`
	RTT       Decimal `json:"rtt_ms"`
	MOSLQ     Decimal `json:"mos_lq"` // 1 to 5, 0 before it is known
}

// ProvisioningStatus is how the last fetch of a profile went.
type ProvisioningStatus struct {
	Last   Timestamp `json:"last"`   // when it ended; "" if there was none
	Result string    `json:"result"` // ok, failed, running; "" if there was none
	Rule   string    `json:"rule"`   // the rule, without any password in it
	Error  string    `json:"error"`
	Next   Decimal   `json:"next_s"` // seconds until the next one, 0 when none is planned
}

// Counter is one running total shown at /metrics as dialtone_<Name>_total.
type Counter struct {
	Name  string // lower-case letters, digits and underscores
	Help  string
	Value uint64
}

// Decimal is a number as the API prints it: at most three decimals, never in exponent form, and 0
// for what is not a number, because JSON has no word for that.
type Decimal float64

// MarshalJSON prints d.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// String prints d as it stands in JSON.
func (d Decimal) String() string {
	f := float64(d)
	if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) > maxDecimal {
		return "0"
	}
	f = math.Round(f*1000) / 1000
	return strconv.FormatFloat(f+0, 'f', -1, 64) // +0 turns a negative zero into zero
}

const maxDecimal = 1e15 // beyond it thousandths mean nothing in a float64

// Seconds turns a duration into seconds with decimals.
func Seconds(d time.Duration) Decimal { return Decimal(d.Seconds()) }

// Timestamp is a moment as the API prints it: RFC 3339 in UTC to the second, "" for the zero time.
type Timestamp time.Time

// MarshalJSON prints t.
func (t Timestamp) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// String prints t as it stands in JSON, without the quotes.
func (t Timestamp) String() string {
	if time.Time(t).IsZero() {
		return ""
	}
	return time.Time(t).UTC().Format(time.RFC3339)
}

// CallID is how the API writes the number of a call: "c1".
func CallID(id int) string { return "c" + strconv.Itoa(id) }

// parseCallID reads "c1"; plain "1" is understood too.
func parseCallID(s string) (int, bool) {
	if len(s) > 0 && s[0] == 'c' {
		s = s[1:]
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	id, err := strconv.Atoi(s)
	return id, err == nil
}
