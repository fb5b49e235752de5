package web

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

// contract is the JSON people script against; the example of the contract with our test call and what was
// added since (cause, legs, event and subscription of a line, what else is known of its servers, dtmf_sent, dtmf_heard, secure, suite,
// rx_forged, handset). A change
// here that is not an addition breaks them.
const contract = `{
 "phone":{"version":"0.1.0","board":"sim","mac":"02:00:00:00:00:01","uptime_s":12.3,"clock_ok":true},
 "lines":[{"line":1,"user":"1001","domain":"example.test","state":"registered","cause":"",
   "active":"udp:127.0.0.11:5060","mwi":{"new":0,"old":0},
   "servers":[{"leg":"primary","name":"a.example.test","transport":"udp","address":"127.0.0.11:5060","priority":10,"weight":1,
     "state":"up","since_s":9.1,"cause":"","registered":true,"expires_s":41,"in_use":true,"suspect":false,"heard_s":4.2,"rtt_ms":1.5,"probe_s":10.8,"refresh_s":31}],
   "legs":[{"leg":"primary","domain":"example.test","state":"registered","cause":"","active":"udp:127.0.0.11:5060","in_use":true,"expires_s":41,"refresh_s":31}],
   "event":"registered at udp:127.0.0.11:5060 for 50s","event_s":9,
   "subscription":{"state":"active","cause":"","leg":"primary","server":"udp:127.0.0.11:5060","expires_s":600,"refresh_s":431}}],
 "calls":[{"id":"c1","line":1,"direction":"out","state":"connected","peer":"1002","peer_name":"","via":"udp:127.0.0.11:5060","duration_s":3.2,"dtmf_sent":"","dtmf_heard":"",
   "reason":{"title":"","hint":""},"secure":false,
   "rtp":{"local":"127.0.0.1:16384","remote":"127.0.0.21:4000","codec":"PCMU","ptime_ms":20,"srtp":false,"suite":"","tx_packets":160,"rx_packets":158,
     "rx_lost":0,"rx_late":0,"rx_forged":0,"concealed_ms":0,"jitter_ms":0.4,"buffer_ms":20,"rtt_ms":1,"mos_lq":4.4}}],
 "provisioning":{"last":"2026-11-22T12:00:00Z","result":"ok","rule":"http://server/phone.xml","error":"","next_s":3588},
 "handset":{"lifted":true,"path":"handset","muted":false,"volume":6,"ring":false,"soft":["Hold","End","",""],"lamps":{"line1":{"color":"red","pattern":"solid"}}}}`

func TestStatusIsTheContract(t *testing.T) {
	d := newDesk(t)
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(contract)); err != nil {
		t.Fatal(err)
	}
	w := d.send("GET", "/api/v1/status", "")
	if got := strings.TrimSpace(w.Body.String()); got != want.String() {
		t.Errorf("the status is\n%s\nwant\n%s", got, want.String())
	}
	if w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("its type is %q", w.Header().Get("Content-Type"))
	}
	d.phone.set(func(p *phone) { p.status = Status{Lines: []LineStatus{{}}} })
	d.want("empty lists are lists", d.send("GET", "/api/v1/status", ""), 200, `"servers":[],"legs":[],"event":"","event_s":0}],"calls":[],"provisioning":{"last":"",`)
	d.want("and so are lamps that are all dark", d.send("GET", "/api/v1/status", ""), 200, `"lamps":{}}`)
}

func TestDecimal(t *testing.T) {
	for d, want := range map[Decimal]string{
		0: "0", 12.3: "12.3", 41: "41", 0.0004: "0", 0.0005: "0.001", -0.0001: "0", -1.5: "-1.5", 1e12: "1000000000000",
		1.0 / 3: "0.333", Decimal(math.NaN()): "0", Decimal(math.Inf(-1)): "0", 1e300: "0", Seconds(1500 * time.Millisecond): "1.5",
	} {
		if got, err := json.Marshal(d); err != nil || string(got) != want {
			t.Errorf("%v is printed as %s, %v, want %s", float64(d), got, err, want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	at := time.Date(2026, 11, 22, 13, 0, 0, 999, time.FixedZone("", 3600))
	for stamp, want := range map[Timestamp]string{{}: `""`, Timestamp(at): `"2026-11-22T12:00:00Z"`} {
		if got, err := json.Marshal(stamp); err != nil || string(got) != want {
			t.Errorf("%v is printed as %s, %v, want %s", time.Time(stamp), got, err, want)
		}
	}
}

func TestCallID(t *testing.T) {
	for _, id := range []int{0, 1, 42} {
		if got, ok := parseCallID(CallID(id)); !ok || got != id {
			t.Errorf("%s is read as %d, %v", CallID(id), got, ok)
		}
	}
	for _, text := range []string{"", "c", "cc1", "c-1", "-1", "+1", "c1x", "1e3", "99999999999999999999"} {
		if id, ok := parseCallID(text); ok {
			t.Errorf("%q is read as call %d", text, id)
		}
	}
}
