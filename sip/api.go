package sip

import (
	"io"
	"net/netip"
	"time"
)

// An ID names one call. Calls the phone places are odd and given by Invite; calls it receives are even
// and given by Incoming.
type ID int

// A Transport is what carries SIP messages: "udp", "tcp" or "tls".
type Transport string

const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// reliable tells whether the transport repeats and orders by itself, so that we need not.
func (t Transport) reliable() bool { return t == TCP || t == TLS }

// A FlowID names a TCP or TLS connection. The agent gives odd ones with Open; accepted connections have
// even ones, given by the transport. UDP has none: 0.
type FlowID uint64

// A Flow is how a message came, or is to go: for UDP a socket and a peer, else a connection.
type Flow struct {
	Transport     Transport
	ID            FlowID
	Local, Remote netip.AddrPort
}

// A NetAction is something the agent wants from the network. Actions are done in their order.
type NetAction interface{ netAction() }

type (
	// Send sends one message: UDP from Flow.Local to Flow.Remote, else on the connection Flow.ID,
	// queued while it opens.
	Send struct {
		Flow Flow
		Data []byte
	}
	// Open opens a connection; Opened or Closed reports how it went. Local may lack its address, its
	// port or both. ServerName is the name a TLS certificate must carry, checked if Verify is set.
	Open struct {
		ID         FlowID
		Transport  Transport
		Local      netip.AddrPort
		Remote     netip.AddrPort
		ServerName string
		Verify     bool
	}
	// Close closes a connection. No Closed follows.
	Close struct{ ID FlowID }
	// Query asks the DNS; an Answer with the same question is the reply.
	Query struct{ Question Question }
)

func (Send) netAction()  {}
func (Open) netAction()  {}
func (Close) netAction() {}
func (Query) netAction() {}

// A Question is asked of the DNS. Name has no trailing dot; Type is "A", "AAAA", "SRV" or "NAPTR".
type Question struct {
	Name string
	Type string
}

// A Record is one record of an Answer: Addr for A and AAAA; Target, Port, Priority and Weight for SRV
// (RFC 2782); the rest for NAPTR (RFC 3403).
type Record struct {
	Target                      string
	Port, Priority, Weight      uint16
	Addr                        netip.Addr
	Order, Preference           uint16
	Service, Flags, Replacement string
}

// An Input is one thing for the agent to act on. Inputs are plain values, so that they can be recorded.
type Input interface{ input() }

type (
	// Received is a datagram, or one message as Frame cut it from a connection.
	Received struct {
		Flow Flow
		Data []byte
	}
	// Connected says that the peer has accepted a connection asked for with Open, and that its TLS handshake
	// has begun. It comes for TLS only.
	Connected struct{ ID FlowID }
	// Opened says that the connection asked for with Open stands, and its local address.
	Opened struct {
		ID    FlowID
		Local netip.AddrPort
	}
	// Closed says that a connection did not open, or has ended.
	Closed struct {
		ID    FlowID
		Cause string
	}
	// Unreachable is an ICMP error or a send error of UDP. The address of Local may be unspecified.
	Unreachable struct {
		Local, Remote netip.AddrPort
		Cause         string
	}
	// Answer is what the DNS said. Code is the rcode; TTL is the least of the records, or the negative
	// TTL when there are none. Cause is set when no name server answered.
	Answer struct {
		Question Question
		Records  []Record
		Code     int
		TTL      time.Duration
		Cause    string
	}

	// Recall brings what Found told in an earlier run of the phone. It has to be the first input.
	Recall struct{ Answers []Answer }

	// Tick says that time has passed.
	Tick struct{}
	// Configure brings new settings. Lines that did not change are left alone, calls go on.
	Configure struct{ Config Config }
	// AddressChanged brings the addresses the host has now, as Config.LocalAddrs.
	AddressChanged struct{ LocalAddrs []netip.Addr }
	// Shutdown ends all calls and removes our registrations. Idle tells when that is done.
	Shutdown struct{}

	// Invite places a call. To is a number, a user, user@host or a SIP URI. Body is the SDP offer.
	Invite struct {
		ID   ID
		Line int
		To   string
		Body []byte
	}
	// Ring answers an incoming call with 180.
	Ring struct{ ID ID }
	// Accept answers an incoming call with 200. Body is the answer, or our offer if the call had none.
	Accept struct {
		ID   ID
		Body []byte
	}
	// Refuse answers an incoming call with Code, 300 to 699. An empty Phrase takes the usual one.
	Refuse struct {
		ID     ID
		Code   int
		Phrase string
	}
	// Hangup ends a call by what its state calls for: CANCEL, BYE, or 603 to one that rings here.
	Hangup struct{ ID ID }
	// Reinvite offers a new session to the far end; Reanswered tells the outcome.
	Reinvite struct {
		ID   ID
		Body []byte
	}
	// AnswerReinvite answers a Reoffer. Code 200 needs a Body: the answer, or our offer if they sent none.
	AnswerReinvite struct {
		ID   ID
		Code int
		Body []byte
	}
	// Info sends an INFO request in a call, as for digits (application/dtmf-relay).
	Info struct {
		ID   ID
		Type string
		Body []byte
	}
)

func (Received) input()       {}
func (Connected) input()      {}
func (Opened) input()         {}
func (Closed) input()         {}
func (Unreachable) input()    {}
func (Answer) input()         {}
func (Recall) input()         {}
func (Tick) input()           {}
func (Configure) input()      {}
func (AddressChanged) input() {}
func (Shutdown) input()       {}
func (Invite) input()         {}
func (Ring) input()           {}
func (Accept) input()         {}
func (Refuse) input()         {}
func (Hangup) input()         {}
func (Reinvite) input()       {}
func (AnswerReinvite) input() {}
func (Info) input()           {}

// An Event is news for the rest of the phone.
type Event interface{ event() }

type (
	// Incoming is a new call that wants an answer. From is the caller's user part (the whole URI if it
	// has none), FromURI the URI to call back, FromName its display name. Body is the SDP offer, nil
	// when our answer is to carry the offer. The far end has got 100; Ring, Accept or Refuse follow.
	Incoming struct {
		ID                          ID
		Line                        int
		From, FromURI, FromName, To string
		AlertInfo, CallInfo         string // header values as they came
		Body                        []byte
	}
	// Progress is a provisional response, 100 to 199. Body is SDP for early media, or nil.
	Progress struct {
		ID   ID
		Code int
		Body []byte
	}
	// Answered says that the far end took our call. Body is its SDP.
	Answered struct {
		ID   ID
		Body []byte
	}
	// Rerouted says that a call's line has moved to another server: a Reinvite tells the far end where we
	// are now.
	Rerouted struct{ ID ID }
	// Acked says that the far end has our 200. Body is its answer when the 200 carried our offer.
	Acked struct {
		ID   ID
		Body []byte
	}
	// Reoffer is a re-INVITE; AnswerReinvite is due. A nil Body asks for an offer of ours.
	Reoffer struct {
		ID   ID
		Body []byte
	}
	// Reanswered is the outcome of our Reinvite. The call goes on whatever Code says. 491 also means that
	// an offer of the far end, or a newer Reinvite, came first: offer again if it is still wanted. Cause
	// says why there was no response at all: Code is then 408 after silence, 503 when no server could be
	// reached.
	Reanswered struct {
		ID    ID
		Code  int
		Cause string
		Body  []byte
	}
	// InfoReceived is an INFO request in a call, already answered.
	InfoReceived struct {
		ID   ID
		Type string
		Body []byte
	}
	// Ended is the last event of a call; there is exactly one for each, also for those we end. Code is
	// the final response that ended it, 200 after a BYE, 487 when it was given up before an answer, 408
	// after silence, 503 when no server could be reached. Remote says that the far end did it.
	Ended struct {
		ID            ID
		Code          int
		Phrase, Cause string
		Remote        bool
	}
	// Registration is news of a line's registration. State is one of the words of LineStatus.State. Backup
	// says that Server is not the one that is preferred: a later one of its leg, or one of the alternate leg.
	Registration struct {
		Line   int
		State  string
		Code   int
		Cause  string
		Server string
		Backup bool
	}
	// Found is everything the DNS said that led to the servers of the lines, when it has changed: to be
	// kept for Recall, so that they are found too where no name server answers.
	Found struct{ Answers []Answer }
	// Notify is a NOTIFY for a line, already answered: "message-summary", whether the line has subscribed to that or
	// not, or an unsolicited "check-sync", "resync", "reboot" and their like. Params is what followed the event's name: "profile=http://…".
	Notify struct {
		Line   int
		Event  string
		Params string
		Type   string // Content-Type
		Body   []byte
	}
)

func (Incoming) event()     {}
func (Progress) event()     {}
func (Answered) event()     {}
func (Acked) event()        {}
func (Rerouted) event()     {}
func (Reoffer) event()      {}
func (Reanswered) event()   {}
func (InfoReceived) event() {}
func (Ended) event()        {}
func (Registration) event() {}
func (Found) event()        {}
func (Notify) event()       {}

// Output is what one step led to. Log has one sentence per decision, without secrets.
type Output struct {
	Net    []NetAction
	Events []Event
	Log    []string
}

// Config is everything the agent needs to know. The zero value of a timer takes the default of
// DefaultTimers where zero would make no sense.
type Config struct {
	Timers        Timers
	UserAgent     string // User-Agent and Server header; empty: none
	BlockNonproxy bool   // requests outside dialogs only from a line's own servers
	TryBackupRSC  string // response codes that mean "try the next server": "503", "5??", "404,5*"
	RetryRegRSC   string // response codes after which registering is tried again soon
	CallerID      string // order of headers for the caller: "PAID-RPID-FROM" (empty: that)
	InstanceID    string // URN for +sip.instance (RFC 5626), as "urn:uuid:…"; empty: none
	LocalAddrs    []netip.Addr
	TCPPortMin    uint16 // source ports of TCP and TLS; 0: any
	TCPPortMax    uint16
	Lines         []Line
	Random        io.Reader `json:"-"` // source of tags, branches and delays; nil: crypto/rand. Configure keeps the one of New.
}

// Timers are those of RFC 3261 section 17 and reference A.9.
type Timers struct {
	T1, T2, T4 time.Duration
	B, D, F    time.Duration
	H, J       time.Duration

	InviteExpires   time.Duration // Expires of an INVITE; 0: none
	ReinviteExpires time.Duration

	RegMinExpires, RegMaxExpires time.Duration
	RegRetryIntvl                time.Duration
	RegRetryLongIntvl            time.Duration // 0: stop
	RegRetryRandomDelay          time.Duration
	RegRetryLongRandomDelay      time.Duration
	RegRetryIntvlCap             time.Duration // 0: the interval stays the same
}

// DefaultTimers are the defaults of reference A.9.
func DefaultTimers() Timers {
	return Timers{
		T1: 500 * time.Millisecond, T2: 4 * time.Second, T4: 5 * time.Second,
		B: 16 * time.Second, D: 16 * time.Second, F: 16 * time.Second, H: 16 * time.Second, J: 16 * time.Second,
		InviteExpires: 240 * time.Second, ReinviteExpires: 30 * time.Second,
		RegMinExpires: time.Second, RegMaxExpires: 7200 * time.Second,
		RegRetryIntvl: 30 * time.Second, RegRetryLongIntvl: 1200 * time.Second,
	}
}

// Line is one extension. Only one that changed in what its registration depends on registers anew.
type Line struct {
	Number      int // from 1
	Enabled     bool
	User        string // User ID: user part of the address of record and of the Contact
	AuthID      string // digest user name; empty: User
	Password    Secret
	DisplayName string
	SIPURI      string // overrides the address of record

	Proxy         string // parameter text: host, host:port or static list (reference A.3)
	OutboundProxy string
	Transport     string // UDP, TCP, TLS, AUTO

	UseSRV, SRVAutoPrefix bool
	UseOBProxyInDialog    bool
	Register              bool
	MakeCallWithoutReg    bool
	AnswerWithoutReg      bool
	TLSNameValidate       bool
	PreferIPv6            bool // SIP_IP_Preference
	NoIPv4, NoIPv6        bool // IP_Mode
	AuthResyncReboot      bool // challenge NOTIFYs that resync or reboot the phone (reference B.11)

	Expires time.Duration
	Local   netip.AddrPort // the line's UDP socket as it is bound; address unspecified if on all

	// Redundancy, design redundancy.md. The zero values are the reference's behaviour, and no failback.
	FallbackIntvl    time.Duration // Proxy_Fallback_Intvl; 0: stay until the server in use fails
	FailoverTimeout  time.Duration // without any response, the next server is asked too; 0: after timer B or F
	ProbeIntvl       time.Duration // between signs of life of the server in use; 0: it is not asked
	GoodProbes       int           // in a row, before a better server is used again
	AutoRegister     bool          // Auto_Register_When_Failover: register before a server is used
	HotStandby       bool          // register at every server of the list
	RedundancyMethod string        // Normal, or Based on SRV Port

	// The messages that wait for the line: it subscribes to them where a server or a mailbox is set, and the line
	// registers (reference H.3).
	VoiceMailEnable   bool
	VoiceMailServer   string        // host, host:port or a whole address; empty: the line's own domain
	MailboxID         string        // user part, or a whole address; empty: User
	VoiceMailInterval time.Duration // 0: a day

	DualRegistration       bool
	AlternateProxy         string
	AlternateOutboundProxy string
}

// LineStatus is what can be shown of a line.
type LineStatus struct {
	Line    int
	User    string
	Domain  string
	State   string // disabled unregistered registering registered failed
	Code    int    // response that made it fail; 0: none
	Cause   string
	Active  string    // server in use: "udp:192.0.2.1:5060"; empty: none
	Expires time.Time // when the registration ends unless refreshed; zero: none
	Refresh time.Time // next REGISTER; zero: none is planned
	Legs    []LegStatus
	Servers []ServerStatus

	Subscription SubscriptionStatus
}

// SubscriptionStatus is what can be shown of a line's subscription to its waiting messages.
type SubscriptionStatus struct {
	State   string // empty: none is wanted; waiting (for the registration) subscribing pending active failed
	Code    int    // response that made it fail; 0: none
	Cause   string
	Leg     string // primary, alternate; empty: there is none
	Server  string // it was made by: "udp:192.0.2.1:5060"
	Expires time.Time
	Refresh time.Time // next SUBSCRIBE; zero: none is planned
}

// LegStatus is what can be shown of a leg: each registers by itself.
type LegStatus struct {
	Leg     string // primary, alternate
	Domain  string
	State   string // of the leg's own registration, in the words of LineStatus.State
	Cause   string // why it failed, or why no server is known
	Active  string // its server in use; empty: none
	InUse   bool   // requests go by this leg
	Expires time.Time
	Refresh time.Time // its next REGISTER; zero: none is planned
}

// ServerStatus is one server of a line.
type ServerStatus struct {
	Leg        string // primary, alternate
	Name       string
	Transport  Transport
	Address    string
	Priority   uint16
	Weight     uint16
	State      string    // up down
	Since      time.Time // of State; zero: since it is known
	Cause      string
	Registered bool
	Expires    time.Time
	InUse      bool

	Suspect bool          // it owes an answer: others are asked first until it is known to live or to be dead
	Heard   time.Time     // when it said something last; zero: never
	RTT     time.Duration // round trip, smoothed; 0: not measured
	Probe   time.Time     // when it is asked for a sign of life, or its silence judged; zero: it is not planned
	Refresh time.Time     // next REGISTER to it; zero: none is planned
}
