package web

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z_]+) (gauge|counter|info|stateset)$`)
	unitLine   = regexp.MustCompile(`^# UNIT ([a-z_]+) ([a-z]+)$`)
	helpLine   = regexp.MustCompile(`^# HELP ([a-z_]+) .+\.$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (-?[0-9.]+)$`)
)

func TestMetrics(t *testing.T) {
	d := newDesk(t)
	d.phone.status.Calls = append(d.phone.status.Calls, CallStatus{ID: "c3", State: "ended", RTP: RTPStatus{Jitter: Decimal(math.NaN())}})
	d.phone.status.Lines = append(d.phone.status.Lines, LineStatus{Line: 2, User: "a\"b\\c\nd\xff", State: "failed"})
	w := d.send("GET", "/metrics", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != metricsType {
		t.Errorf("the metrics are %d %q", w.Code, w.Header().Get("Content-Type"))
	}
	text := w.Body.String()
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Errorf("the metrics do not end: %q", text[max(0, len(text)-40):])
	}
	values := make(map[string]string)
	seen := make(map[string]bool)
	family, kind := "", ""
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "# EOF\n"), "\n") {
		if m := typeLine.FindStringSubmatch(line); m != nil {
			if family, kind = m[1], m[2]; seen[family] {
				t.Errorf("the family %s comes twice", family)
			}
			seen[family] = true
		} else if m := unitLine.FindStringSubmatch(line); m != nil {
			if m[1] != family || !strings.HasSuffix(family, "_"+m[2]) {
				t.Errorf("%q is no unit of %s", line, family)
			}
		} else if m := helpLine.FindStringSubmatch(line); m != nil {
			if m[1] != family {
				t.Errorf("%q is no help for %s", line, family)
			}
		} else if m := sampleLine.FindStringSubmatch(line); m != nil {
			if want := family + map[string]string{"counter": "_total", "info": "_info"}[kind]; m[1] != want {
				t.Errorf("%q belongs to no %s %s", line, kind, family)
			}
			if _, twice := values[m[1]+m[2]]; twice {
				t.Errorf("%q comes twice", line)
			}
			values[m[1]+m[2]] = m[3]
		} else if line != "" {
			t.Errorf("%q is no line of OpenMetrics", line)
		}
	}
	for sample, want := range map[string]string{
		`dialtone_uptime_seconds`: "12.3", `dialtone_clock_ok`: "1", `dialtone_calls`: "1", `dialtone_calls_placed_total`: "7",
		`dialtone_line_registered{line="1",user="1001",domain="example.test"}`:           "1",
		`dialtone_line_registered{line="2",user="a\"b\\c\nd` + "\uFFFD" + `",domain=""}`: "0",
		`dialtone_line_state{line="2",dialtone_line_state="failed"}`:                     "1",
		`dialtone_rtp_tx_packets_total{call="c1"}`:                                       "160",
		`dialtone_rtp_jitter_seconds{call="c1"}`:                                         "0.0004",
		`dialtone_rtp_jitter_seconds{call="c3"}`:                                         "0",
		`dialtone_rtp_mos_lq{call="c1"}`:                                                 "4.4",
		`dialtone_provisioning_ok`:                                                       "1",
		`dialtone_provisioning_last_timestamp_seconds`:                                   "1795348800",
		`dialtone_heartbeat_age_seconds`:                                                 "1",
		`dialtone_server_registration_expires_seconds{line="1",leg="primary",name="a.example.test",transport="udp",address="127.0.0.11:5060"}`: "41",
	} {
		if values[sample] != want {
			t.Errorf("%s is %q, want %s", sample, values[sample], want)
		}
	}
	for _, name := range []string{"go_goroutines", "go_memory_heap_objects_bytes", "process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"} {
		if v, err := strconv.ParseFloat(values[name], 64); err != nil || v < 0 || v == 0 && !strings.Contains(name, "cpu") {
			t.Errorf("%s is %q", name, values[name])
		}
	}
}
