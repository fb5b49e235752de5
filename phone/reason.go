package phone

import "fmt"

// A Reason says why something ended or failed, in words for the screen: the Title is at most 16
// characters long, the Hint fits two rows of 20, broken between words. The zero Reason is none.
type Reason struct{ Title, Hint string }

// Reasons that are no SIP response.
var (
	HungUp            = Reason{"Call ended", "The other side hung up"}
	Finished          = Reason{"Call ended", ""}
	Declined          = Reason{"Call declined", "You refused the call"}
	MissedCall        = Reason{"Missed call", ""}
	AnsweredElsewhere = Reason{"Call answered", "Another telephone took it"}
	NotDisturbed      = Reason{"Do not disturb", "The caller was told busy"}
	WasBusy           = Reason{"Missed call", "Came while the line was in use"}

	NotRegistered  = Reason{"Not registered", "The line is not known at the server"}
	NoNetwork      = Reason{"No network", "Check the cable to the phone"}
	NoLine         = Reason{"No line set up", "Enter an account on the web page"}
	LineOff        = Reason{"Line is off", "It is disabled in the settings"}
	LineInUse      = Reason{"Line in use", "End the other call first"}
	NoNumber       = Reason{"No number", "Nothing was dialed before"}
	BadNumber      = Reason{"Wrong number", "It cannot be dialed like this"}
	NotInPlan      = Reason{"Not in dial plan", "This line has no such number"}
	NumberBarred   = Reason{"Number barred", "The settings forbid to call it"}
	LeftOffHook    = Reason{"Handset is off", "Put it back or dial a number"}
	NotConfirmed   = Reason{"Call lost", "The other side did not confirm"}
	NoReply        = Reason{"No reply", "The phone system does not answer"}
	ServerNotFound = Reason{"Server not found", "Check its name and the DNS server"}
	Unreachable    = Reason{"Not reachable", "The phone system cannot be reached"}
	NotTrusted     = Reason{"Not trusted", "The server is not what it claims"}
	NoCodec        = Reason{"No common codec", "They speak another format"}
	NoSound        = Reason{"Connection lost", "Nothing was heard for too long"}
	SoundFailed    = Reason{"No sound", "The voice part failed to start"}
	HoldRefused    = Reason{"Hold refused", "The other side wants to go on"}
	ResumeRefused  = Reason{"Still on hold", "The call could not be taken back"}
	Stopping       = Reason{"Call ended", "The phone is being shut down"}
)

// reasons holds the SIP responses (RFC 3261 section 21 and the registry that grew from it).
var reasons = map[int]Reason{
	300: {"Several choices", "Ask which number is meant"},
	301: {"Number changed", "They have moved for good"},
	302: {"Call diverted", "They are at another number now"},
	305: {"Other route", "The call must go another way"},
	380: {"Other service", "The call needs another service"},

	400: {"Bad request", "The server did not understand us"},
	401: {"Wrong password", "Check user and password"},
	402: {"Not paid for", "Ask your provider about credit"},
	403: {"Not allowed", "You may not call this number"},
	404: {"Unknown number", "Nobody has this number"},
	405: {"Not possible", "They do not take such calls"},
	406: {"Not acceptable", "They cannot use what we offer"},
	407: {"Wrong password", "Check user and password"},
	408: {"No reply", "Nobody answered in time"},
	410: {"Number gone", "This number is no longer used"},
	412: {"Not possible", "A condition was not met"},
	413: {"Request too big", "The server wants smaller messages"},
	414: {"Number too long", "Check the number"},
	415: {"Wrong format", "They cannot read what we offer"},
	416: {"Wrong address", "This kind of address is unknown"},
	417: {"Not possible", "The priority is not known there"},
	420: {"Not supported", "The server lacks an extension"},
	421: {"Not supported", "The server asks for an extension"},
	422: {"Timer too small", "The server wants a longer session"},
	423: {"Too brief", "The server wants a longer time"},
	424: {"Bad location", "The place sent was not understood"},
	425: {"Too early", "Try again in a moment"},
	428: {"Who are you?", "The server wants a proven identity"},
	429: {"No referrer", "The transfer lacks its origin"},
	430: {"Path lost", "The way to the phone is broken"},
	433: {"Anonymous call", "They refuse hidden numbers"},
	436: {"Bad identity", "Our identity cannot be checked"},
	437: {"Bad identity", "Our certificate is not accepted"},
	438: {"Bad identity", "Our signature is not valid"},
	439: {"No outbound", "The first server cannot do it"},
	440: {"Too many hops", "The call went too far"},
	469: {"Bad package", "The message was not expected"},
	470: {"Consent needed", "They must allow the call first"},
	480: {"Not available", "They cannot be reached just now"},
	481: {"Call is gone", "The other side lost the call"},
	482: {"Loop detected", "The call went round in a circle"},
	483: {"Too many hops", "The call went too far"},
	484: {"Number too short", "Digits are missing"},
	485: {"Ambiguous number", "It fits more than one person"},
	486: {"Busy", "They are on the telephone"},
	487: {"Call canceled", ""},
	488: {"No common codec", "They speak another format"},
	489: {"Bad event", "The server does not know it"},
	491: {"Both at once", "Try again in a moment"},
	493: {"Cannot decrypt", "The message could not be read"},
	494: {"Security needed", "The server wants an agreement"},

	500: {"Server error", "The phone system has a problem"},
	501: {"Not possible", "The phone system cannot do this"},
	502: {"Bad gateway", "The next system has a problem"},
	503: {"Out of service", "The phone system is overloaded"},
	504: {"Server timeout", "The next system does not answer"},
	505: {"Wrong version", "The server speaks another SIP"},
	513: {"Message too big", "The server wants smaller messages"},
	555: {"No push service", "The server cannot wake them"},
	580: {"No capacity", "Voice cannot be set up right now"},

	600: {"Busy", "They are busy everywhere"},
	603: {"Declined", "They do not want to talk now"},
	604: {"Unknown number", "Nobody has this number"},
	606: {"Not acceptable", "They cannot use what we offer"},
	607: {"Unwanted", "They blocked your calls"},
	608: {"Rejected", "A machine on the way refused it"},
	687: {"Unwanted", "They blocked your calls"},
}

// lineReasons holds the responses to a registration that mean something else than to a call.
var lineReasons = map[int]Reason{
	400: {"Not registered", "The server did not understand us"},
	403: {"Account refused", "Ask who runs the phone system"},
	404: {"Unknown account", "Check the user of this line"},
	405: {"Not registered", "The server takes no registrations"},
	408: NoReply,
	410: {"Account closed", "This user is no longer there"},
	420: {"Not registered", "The server lacks an extension"},
	423: {"Not registered", "The server wants a longer time"},
	480: {"Not registered", "The server is not ready for us"},
	486: {"Not registered", "The server is busy"},
	501: {"Not registered", "The server takes no registrations"},
	603: {"Account refused", "Ask who runs the phone system"},
	604: {"Unknown account", "Check the user of this line"},
}

// ReasonFor returns the words for the SIP response that ended a call. A 2xx (or 0) is the end of a
// call that went well; a code without words of its own is told by its class (RFC 3261 section 8.1.3.2)
// and its number.
func ReasonFor(code int) Reason {
	if r, ok := reasons[code]; ok {
		return r
	}
	switch {
	case code >= 300 && code < 400:
		return Reason{"Call diverted", "They are at another number now"}
	case code >= 400 && code < 500:
		return Reason{"Call refused", fmt.Sprintf("The phone system said %d", code)}
	case code >= 500 && code < 600:
		return Reason{"Server error", fmt.Sprintf("The phone system said %d", code)}
	case code >= 600 && code < 700:
		return Reason{"Declined", "They do not want to talk now"}
	}
	return HungUp
}

// ReasonForLine returns the words for the SIP response that refused a registration; anything but a
// refusal is NoReply.
func ReasonForLine(code int) Reason {
	if r, ok := lineReasons[code]; ok {
		return r
	}
	if code < 300 || code > 699 {
		return NoReply
	}
	if r, ok := reasons[code]; ok && (code == 401 || code == 407 || code >= 500 && code < 600) {
		return r
	}
	return Reason{"Not registered", fmt.Sprintf("The server said %d", code)}
}

// Reasons returns every Reason there is, those of responses by their code: what each screen must have
// room for.
func Reasons() []Reason {
	all := []Reason{
		HungUp, Finished, Declined, MissedCall, AnsweredElsewhere, NotDisturbed, WasBusy, NotRegistered,
		NoNetwork, NoLine, LineOff, LineInUse, NoNumber, BadNumber, LeftOffHook, NotConfirmed, NoReply,
		ServerNotFound, Unreachable, NotTrusted, NoCodec, NoSound, SoundFailed, HoldRefused, ResumeRefused,
		Stopping, NotInPlan, NumberBarred,
	}
	listed := make(map[Reason]bool)
	for _, r := range all {
		listed[r] = true
	}
	for code := 300; code < 700; code++ {
		for _, r := range []Reason{ReasonFor(code), ReasonForLine(code)} {
			if !listed[r] {
				listed[r] = true
				all = append(all, r)
			}
		}
	}
	return all
}

// busy reports whether the reason is that the other side is on the telephone: it has its own tone.
func (r Reason) busy() bool { return r == reasons[486] || r == reasons[600] }
