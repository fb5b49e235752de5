package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"dialtone/config"
	"dialtone/keypad"
	"dialtone/media"
	"dialtone/phone"
	"dialtone/sip"
	"dialtone/sip/transport"
)

const dnsPort = 53 // RFC 1035 section 4.2

// How the settings reach the machines: each takes its own plain struct.

// sipConfig says what the agent needs to know.
func sipConfig(s config.Settings, addrs []netip.Addr, sockets [8]netip.AddrPort, random io.Reader) sip.Config {
	c := sip.Config{
		Timers: sip.Timers{
			T1: s.SIP.T1, T2: s.SIP.T2, T4: s.SIP.T4, B: s.SIP.TimerB, D: s.SIP.TimerD, F: s.SIP.TimerF,
			H: s.SIP.TimerH, J: s.SIP.TimerJ,
			InviteExpires: s.SIP.INVITEExpires, ReinviteExpires: s.SIP.ReINVITEExpires,
			RegMinExpires: s.SIP.RegMinExpires, RegMaxExpires: s.SIP.RegMaxExpires,
			RegRetryIntvl: s.SIP.RegRetryIntvl, RegRetryLongIntvl: s.SIP.RegRetryLongIntvl,
			RegRetryRandomDelay: s.SIP.RegRetryRandomDelay, RegRetryLongRandomDelay: s.SIP.RegRetryLongRandomDelay,
			RegRetryIntvlCap: s.SIP.RegRetryIntvlCap,
		},
		UserAgent:     userAgent(s),
		BlockNonproxy: s.System.BlockNonproxySIP,
		TryBackupRSC:  s.SIP.TryBackupRSC,
		RetryRegRSC:   s.SIP.RetryRegRSC,
		CallerID:      s.SIP.CallerIDHeader,
		LocalAddrs:    addrs,
		TCPPortMin:    uint16(s.SIP.SIPTCPPortMin),
		TCPPortMax:    uint16(s.SIP.SIPTCPPortMax),
		Random:        random,
	}
	for i, l := range s.Line {
		if !inService(l) {
			continue
		}
		c.Lines = append(c.Lines, sip.Line{
			Number: i + 1, Enabled: true, User: l.UserID, AuthID: l.AuthID,
			Password: sip.Secret(l.Password.Reveal()), DisplayName: l.DisplayName, SIPURI: l.SIPURI,
			Proxy: l.Proxy, OutboundProxy: l.OutboundProxy, Transport: l.SIPTransport,
			UseSRV: l.UseDNSSRV, SRVAutoPrefix: l.DNSSRVAutoPrefix, UseOBProxyInDialog: l.UseOBProxyInDialog,
			Register: l.Register, MakeCallWithoutReg: l.MakeCallWithoutReg, AnswerWithoutReg: l.AnsCallWithoutReg,
			TLSNameValidate: l.TLSNameValidate, PreferIPv6: s.SIP.SIPIPPreference == "IPv6",
			NoIPv4: s.System.IPMode == "IPv6 Only", NoIPv6: s.System.IPMode == "IPv4 Only",
			AuthResyncReboot: l.AuthResyncReboot,
			Expires:          time.Duration(l.RegisterExpires) * time.Second, Local: sockets[i],
			FallbackIntvl: l.ProxyFallbackIntvl, FailoverTimeout: l.FailoverTimeout, ProbeIntvl: l.ServerProbeIntvl,
			GoodProbes: l.FailbackGoodProbes, AutoRegister: l.AutoRegisterWhenFailover, HotStandby: l.HotStandbyRegistration,
			VoiceMailEnable: l.VoiceMailEnable, VoiceMailServer: l.VoiceMailServer, MailboxID: l.MailboxID,
			VoiceMailInterval: l.VoiceMailSubscribeInterval,
			RedundancyMethod:  l.ProxyRedundancyMethod, DualRegistration: l.DualRegistration, AlternateProxy: l.AlternateProxy,
			AlternateOutboundProxy: l.AlternateOutboundProxy,
		})
	}
	return c
}

// nameServers says which name servers the settings want asked.
func nameServers(s config.Settings) (n transport.NameServers) {
	for _, text := range []string{s.System.PrimaryDNS, s.System.SecondaryDNS, s.System.IPv6PrimaryDNS, s.System.IPv6SecondaryDNS} {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() {
			n.Manual = append(n.Manual, netip.AddrPortFrom(a, dnsPort))
		}
	}
	n.Only, n.Last = s.System.DNSServerOrder == "Manual", s.System.DNSServerOrder == "DHCP,Manual"
	n.Sequential = s.System.DNSQueryMode == "Sequential"
	return n
}

// inService tells whether a line is switched on and has what it needs to be one.
func inService(l config.Line) bool { return l.LineEnable && l.UserID != "" && l.Proxy != "" }

// userAgent is the User-Agent and Server header: the parameter with its macro, or our name.
func userAgent(s config.Settings) string {
	if s.SIP.SIPUserAgentName == "" || s.SIP.SIPUserAgentName == "$VERSION" {
		return "dialtone/" + version
	}
	return strings.ReplaceAll(s.SIP.SIPUserAgentName, "$VERSION", version)
}

// phoneConfig says what the brain needs to know.
func phoneConfig(s config.Settings) phone.Config {
	c := phone.Config{
		Timers:       keypad.Timers{Long: s.Regional.InterdigitLongTimer, Short: s.Regional.InterdigitShortTimer},
		ReorderDelay: s.Regional.ReorderDelay,
		CallWaiting:  s.User.CWSetting,
		Appearances:  s.Phone.CallAppearancesPerLine,
		HoldReminder: s.User.HoldReminderTimer,
	}
	if c.Timers.Long == 0 {
		c.Timers.Long = -1 // for ever
	}
	if s.Regional.ReorderDelay == 255*time.Second { // reference E.4: 255 means no reorder tone
		c.ReorderDelay = -1
	}
	for i, l := range s.Line {
		c.Lines = append(c.Lines, phone.LineConfig{
			Number: i + 1, Name: shortName(s, i), User: l.UserID, Enabled: inService(l), DND: s.User.DNDSetting,
			MakeCallWithoutReg: l.MakeCallWithoutReg || !l.Register, Plan: dialPlan(l.DialPlan),
		})
	}
	return c
}

// dialPlan is the dial plan of a line: the default one where what is set cannot be read, for a phone that
// calls nobody is of no use (docs/decisions/006-dial-plan.md). sayPlans says so.
func dialPlan(script string) *keypad.Plan {
	if p, err := keypad.ParsePlan(script); err == nil {
		return p
	}
	p, err := keypad.ParsePlan(keypad.DefaultPlan)
	if err != nil {
		panic(fmt.Sprintf("firmware: the default dial plan: %v", err))
	}
	return p
}

// sayPlans tells of dial plans that cannot be read and were not there before.
func (l *loop) sayPlans(now time.Time, s, before config.Settings) {
	for i, line := range s.Line {
		if line.DialPlan == before.Line[i].DialPlan {
			continue
		}
		if _, err := keypad.ParsePlan(line.DialPlan); err != nil {
			l.decide(now, fmt.Sprintf("Dial_Plan_%d_ cannot be read, the default plan is used: %v", i+1, err))
		}
	}
}

// shortName is what the screen calls a line: the label of the line key that belongs to it.
func shortName(s config.Settings, line int) string {
	return strings.ReplaceAll(s.Phone.LineKey[line].ShortName, "$USER", s.Line[line].UserID)
}

// localMedia says what we can do in a call on one line; the address comes later.
func localMedia(s config.Settings, line int, session uint64) media.Local {
	l := s.Line[line-1]
	return media.Local{
		Codecs: codecs(l), EventPT: uint8(s.SIP.AVTDynamicPayload), Ptime: s.SIP.RTPPacketSize, SessionID: session,
		ListAll: l.CodecNegotiation == "List All", ZeroHold: s.SIP.RFC2543CallHold,
		Fixed: !l.SymmetricRTP,
	}
}

// rtpPorts is the range voice takes its ports from: fewer than 16 are no range, reference E.2.
func rtpPorts(s config.Settings) (low, high uint16) {
	if int(s.SIP.RTPPortMax)-int(s.SIP.RTPPortMin) < 15 {
		return 16382, 32766
	}
	return s.SIP.RTPPortMin, s.SIP.RTPPortMax
}

// codecs lists what a line may use, the preferred first.
func codecs(l config.Line) []media.Codec {
	known := map[string]media.Codec{"G711u": media.PCMU, "G711a": media.PCMA}
	enabled := map[string]bool{"G711u": l.G711uEnable, "G711a": l.G711aEnable}
	order := []string{l.PreferredCodec, l.SecondPreferredCodec, l.ThirdPreferredCodec, "G711u", "G711a"}
	if l.UsePrefCodecOnly && known[l.PreferredCodec].Name != "" {
		order = order[:1]
		enabled[l.PreferredCodec] = true
	}
	var list []media.Codec
	for _, name := range order {
		if c, ok := known[name]; ok && enabled[name] {
			list = append(list, c)
			delete(known, name)
		}
	}
	if len(list) == 0 { // a phone without any codec is of no use to anybody
		list = []media.Codec{media.PCMU, media.PCMA}
	}
	return list
}
