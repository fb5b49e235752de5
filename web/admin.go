package web

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dialtone/config"
)

const (
	maxResyncURL = 1024 // bytes
	directAction = "Enable_Direct_Action_Url"
)

// cfgXML dumps the settings as a profile, secrets left out (reference B.12).
func (s *Server) cfgXML(w http.ResponseWriter, r *http.Request) {
	settings, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(config.Dump(settings, config.DumpOptions{}))
}

// statusXML is the state in XML. The reference documents little of it (C.4), so names are its labels.
func (s *Server) statusXML(w http.ResponseWriter, r *http.Request) {
	status, ok := s.askStatus(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(encodeStatusXML(status, s.now()))
}

// A statusWriter writes sections of labelled values.
type statusWriter struct{ bytes.Buffer }

func (x *statusWriter) section(name string, values ...string) {
	fmt.Fprintf(x, "<%s>\n", name)
	for i := 0; i+1 < len(values); i += 2 {
		fmt.Fprintf(x, "  <%s>", values[i])
		_ = xml.EscapeText(x, []byte(values[i+1])) // a Buffer takes everything
		fmt.Fprintf(x, "</%s>\n", values[i])
	}
	fmt.Fprintf(x, "</%s>\n", name)
}

func encodeStatusXML(status Status, now time.Time) []byte {
	var x statusWriter
	x.WriteString(xml.Header + "<flat-status>\n")
	x.section("Product_Information",
		"Product_Name", "dialtone "+status.Phone.Board, "Software_Version", status.Phone.Version, "MAC_Address", status.Phone.MAC)
	x.section("Phone_Status",
		"Current_Time", Timestamp(now).String(), "Elapsed_Time", elapsed(status.Phone.Uptime))
	for _, line := range status.Lines {
		state := "Not Registered"
		switch line.State {
		case "registered":
			state = "Registered"
		case "failed":
			state = "Failed"
		}
		next := Decimal(0)
		for _, server := range line.Servers {
			if server.InUse {
				next = server.Expires
			}
		}
		x.section(fmt.Sprintf("Ext_%d_Status", line.Line),
			"User_ID", line.User, "Domain", line.Domain, "Registration_State", state, "Active_Proxy", line.Active,
			"Registration_Expires_In", next.String(), "Message_Waiting", yesNo(line.MWI.New > 0))
	}
	perLine := make(map[int]int)
	for _, call := range status.Calls {
		perLine[call.Line]++
		kind := "Inbound"
		if call.Direction == "out" {
			kind = "Outbound"
		}
		x.section(fmt.Sprintf("Line_%d_Call_%d_Status", call.Line, perLine[call.Line]),
			"Call_State", call.State, "Type", kind, "Encoder", call.RTP.Codec, "Decoder", call.RTP.Codec,
			"Remote_Hold", yesNo(call.State == "remote-held"), "Peer_Name", call.PeerName, "Peer_Phone", call.Peer,
			"Duration", elapsed(call.Duration), "Packets_Sent", strconv.FormatUint(call.RTP.TxPackets, 10),
			"Packets_Recv", strconv.FormatUint(call.RTP.RxPackets, 10), "Packets_Lost", strconv.FormatUint(call.RTP.RxLost, 10),
			"Decode_Latency", call.RTP.Buffer.String(), "Jitter", call.RTP.Jitter.String(),
			"Round_Trip_Delay", call.RTP.RTT.String(), "MOS-LQ", call.RTP.MOSLQ.String())
	}
	p := status.Provisioning
	x.section("Provisioning_Status",
		"Last", p.Last.String(), "Result", p.Result, "Profile_Rule", p.Rule, "Error", p.Error, "Next_In", p.Next.String())
	x.WriteString("</flat-status>\n")
	return x.Bytes()
}

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

// elapsed is a time as the reference writes it: "7 days, 02:13:02".
func elapsed(seconds Decimal) string {
	t := int64(seconds)
	text := fmt.Sprintf("%02d:%02d:%02d", t/3600%24, t/60%60, t%60)
	switch days := t / 86400; days {
	case 0:
		return text
	case 1:
		return "1 day, " + text
	default:
		return fmt.Sprintf("%d days, %s", days, text)
	}
}

// resync fetches the profile now: /admin/resync, or /admin/resync?URL for another one, this once.
func (s *Server) resync(w http.ResponseWriter, r *http.Request) {
	rule, err := resyncRule(r.URL.RawQuery)
	if err != nil {
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	what := "fetch its profile"
	if rule != "" {
		what = "fetch a profile from " + rule
	}
	s.direct(w, r, Resync{URL: rule}, what)
}

// reboot restarts the phone.
func (s *Server) reboot(w http.ResponseWriter, r *http.Request) {
	s.direct(w, r, Reboot{}, "restart")
}

// direct carries out a direct action (reference B.12). A program may ask for it with GET as it does
// with the reference. A browser may have been told to by any page or mail, so it has to confirm with
// a POST, which it sends with its origin.
func (s *Server) direct(w http.ResponseWriter, r *http.Request, c Command, what string) {
	settings, ok := s.askSettings(w, r)
	if !ok {
		return
	}
	if value, _ := settings.Get(directAction); value != "Yes" {
		fail(w, r, http.StatusForbidden, directAction+" is No")
		return
	}
	if r.Method != http.MethodPost && fromBrowser(r) {
		s.render(w, http.StatusOK, "confirm.html", confirmation{What: what, Action: r.URL.RequestURI()})
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	if _, ok := s.run(w, r, c, 0); !ok {
		return
	}
	if fromBrowser(r) {
		s.render(w, http.StatusAccepted, "confirm.html", confirmation{What: what, Done: true})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, "the phone is going to %s\n", what)
}

type confirmation struct {
	What, Action string
	Done         bool
}

// resyncRule is the profile rule in the query of /admin/resync: everything after the question mark, as
// it is or with %xx.
func resyncRule(query string) (string, error) {
	rule := query
	if !strings.Contains(rule, "://") && !strings.HasPrefix(rule, "/") {
		var err error
		if rule, err = url.QueryUnescape(query); err != nil {
			return "", fmt.Errorf("the URL to fetch is not one: %w", err)
		}
	}
	rule = strings.TrimSpace(rule)
	if len(rule) > maxResyncURL {
		return "", fmt.Errorf("the URL to fetch is longer than %d bytes", maxResyncURL)
	}
	if strings.ContainsFunc(rule, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("the URL to fetch contains a control character")
	}
	return rule, nil
}
