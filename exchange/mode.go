package exchange

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Mode is how a proxy behaves: one of the words of Modes. Three take an argument after "=": a status
// code ("refuse=480"), seconds of Retry-After ("unavailable=30"), a duration ("slow=2s").
type Mode string

// The modes of a proxy.
const (
	Normal      Mode = "normal"
	Stop        Mode = "stop"        // sockets closed, connections reset, locations lost
	Silence     Mode = "silence"     // reads and says nothing; keeps its sockets and locations
	Refuse      Mode = "refuse"      // answers 500, or the code given, to every request
	Unavailable Mode = "unavailable" // answers 503 to every request
	Slow        Mode = "slow"        // whatever it sends is a second late, or the duration given
)

// A DNSMode is how the DNS server behaves: one of the words of DNSModes. "slow" takes a duration after "=".
type DNSMode string

// The modes of the DNS server.
const (
	DNSNormal   DNSMode = "normal"
	DNSOff      DNSMode = "off"      // reads and says nothing
	DNSServfail DNSMode = "servfail" // answers SERVFAIL
	DNSSlow     DNSMode = "slow"     // answers a second late, or by the duration given
)

// A Choice is one mode as a page offers it.
type Choice struct {
	Word  string // Mode or DNSMode
	Label string
	Help  string
}

// Modes lists what SetMode takes.
func Modes() []Choice {
	return []Choice{
		{string(Normal), "Normal", "Works as it should."},
		{string(Stop), "Stopped", "Its sockets are closed and it forgets who is registered, as when its program has ended."},
		{string(Silence), "Silent", "Reads everything and answers nothing, as when it hangs or a firewall swallows it."},
		{string(Refuse), "Refusing", "Answers 500 to every request."},
		{string(Unavailable), "Unavailable", "Answers 503 to every request, as in maintenance."},
		{string(Slow), "Slow", "Everything it sends is a second late."},
	}
}

// DNSModes lists what SetDNS takes.
func DNSModes() []Choice {
	return []Choice{
		{string(DNSNormal), "Normal", "Answers at once."},
		{string(DNSOff), "Off", "Answers nothing."},
		{string(DNSServfail), "Failing", "Answers every query with SERVFAIL."},
		{string(DNSSlow), "Slow", "Answers a second late."},
	}
}

// Implementation constants.
const (
	slowUsual  = time.Second
	slowMost   = time.Minute
	retryMost  = 86400 // s of Retry-After
	codeUsual  = 500
	codeLeast  = 300
	codeAbove  = 700
	modeLength = 64 // octets of a mode that is worth repeating in an error
)

// a behaviour is a Mode, taken apart.
type behaviour struct {
	word  Mode
	code  int           // of refuse and unavailable; 0: none
	retry int           // s of Retry-After; 0: none
	delay time.Duration // of slow
}

func (m Mode) parse() (behaviour, error) {
	word, arg, has := strings.Cut(string(m), "=")
	b := behaviour{word: Mode(word)}
	var err error
	switch b.word {
	case Normal, Stop, Silence:
		if has {
			err = fmt.Errorf("%q takes no argument", word)
		}
	case Refuse:
		b.code = codeUsual
		if has {
			if b.code, err = strconv.Atoi(arg); err != nil || b.code < codeLeast || b.code >= codeAbove {
				err = fmt.Errorf("a status code from %d to %d is expected after %q", codeLeast, codeAbove-1, "refuse=")
			}
		}
	case Unavailable:
		b.code = 503
		if has {
			if b.retry, err = strconv.Atoi(arg); err != nil || b.retry < 0 || b.retry > retryMost {
				err = fmt.Errorf("seconds up to %d are expected after %q", retryMost, "unavailable=")
			}
		}
	case Slow:
		b.delay, err = slowness(arg, has)
	default:
		err = fmt.Errorf("%q is no mode of a proxy", clip(string(m)))
	}
	return b, err
}

func (m DNSMode) parse() (word DNSMode, delay time.Duration, err error) {
	text, arg, has := strings.Cut(string(m), "=")
	word = DNSMode(text)
	switch {
	case word == DNSSlow:
		delay, err = slowness(arg, has)
	case word != DNSNormal && word != DNSOff && word != DNSServfail:
		err = fmt.Errorf("%q is no mode of the DNS server", clip(string(m)))
	case has:
		err = fmt.Errorf("%q takes no argument", text)
	}
	return word, delay, err
}

func slowness(arg string, has bool) (time.Duration, error) {
	if !has {
		return slowUsual, nil
	}
	d, err := time.ParseDuration(arg)
	if err != nil || d <= 0 || d > slowMost {
		return 0, fmt.Errorf("a duration up to %s is expected after %q", slowMost, "slow=")
	}
	return d, nil
}

// clip keeps an error or a line short whatever came.
func clip(text string) string {
	if len(text) > modeLength {
		text = text[:modeLength] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, text), "?")
}
