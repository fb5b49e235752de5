package web

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Specification constants, OpenMetrics 1.0.
const (
	metricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	metricsEnd  = "# EOF\n"
)

// exposition writes metrics. The samples of one family must stand together.
type exposition struct{ bytes.Buffer }

// family begins a family. unit is a suffix of name or "".
func (x *exposition) family(name, kind, unit, help string) {
	fmt.Fprintf(x, "# TYPE %s %s\n", name, kind)
	if unit != "" {
		fmt.Fprintf(x, "# UNIT %s %s\n", name, unit)
	}
	fmt.Fprintf(x, "# HELP %s %s\n", name, escapeLabel.Replace(help))
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sample writes one value; labels are names and values in turn.
func (x *exposition) sample(name, value string, labels ...string) {
	x.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		x.WriteByte(before)
		fmt.Fprintf(x, `%s="%s"`, labels[i], escapeLabel.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")))
	}
	if len(labels) > 1 {
		x.WriteByte('}')
	}
	x.WriteString(" " + value + "\n")
}

// gauge writes a family of one sample without labels.
func (x *exposition) gauge(name, unit, help, value string) {
	x.family(name, "gauge", unit, help)
	x.sample(name, value)
}

// counter writes a family of one running total.
func (x *exposition) counter(name, unit, help string, value uint64) {
	x.family(name, "counter", unit, help)
	x.sample(name+"_total", strconv.FormatUint(value, 10))
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// metrics answers with the state as OpenMetrics text.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	status, ok := s.askStatus(w, r)
	if !ok {
		return
	}
	var x exposition
	x.phone(status)
	x.lines(status.Lines)
	x.calls(status.Calls)
	for _, c := range status.Counters {
		x.counter("dialtone_"+c.Name, "", c.Help, c.Value)
	}
	s.events.mu.Lock()
	streams, dropped := len(s.events.clients), s.events.dropped
	s.events.mu.Unlock()
	x.gauge("dialtone_heartbeat_age_seconds", "seconds", "Age of the oldest sign of life of the phone's loops.", Seconds(s.config.Source.Heartbeat()).String())
	x.gauge("dialtone_event_clients", "", "Clients that listen to events.", strconv.Itoa(streams))
	x.counter("dialtone_event_clients_dropped", "", "Clients dropped because they did not keep up.", dropped)
	x.counter("dialtone_login_failures", "", "Logins refused for a wrong password.", s.throttle.failures())
	x.process()
	x.WriteString(metricsEnd)
	w.Header().Set("Content-Type", metricsType)
	_, _ = w.Write(x.Bytes())
}

func (x *exposition) phone(s Status) {
	x.family("dialtone_build", "info", "", "Which program this is.")
	x.sample("dialtone_build_info", "1", "version", s.Phone.Version, "board", s.Phone.Board, "go", runtime.Version())
	x.gauge("dialtone_uptime_seconds", "seconds", "Since the start of the program.", s.Phone.Uptime.String())
	x.gauge("dialtone_clock_ok", "", "1 if the wall clock can be trusted.", bit(s.Phone.ClockOK))
	x.gauge("dialtone_provisioning_ok", "", "1 if the last fetch of a profile went well.", bit(s.Provisioning.Result == "ok"))
	if last := time.Time(s.Provisioning.Last); !last.IsZero() {
		x.gauge("dialtone_provisioning_last_timestamp_seconds", "seconds", "When the last fetch of a profile ended.", strconv.FormatInt(last.Unix(), 10))
	}
}

func (x *exposition) lines(lines []LineStatus) {
	x.family("dialtone_line_registered", "gauge", "", "1 if the line is registered.")
	for _, l := range lines {
		x.sample("dialtone_line_registered", bit(l.State == "registered"), "line", strconv.Itoa(l.Line), "user", l.User, "domain", l.Domain)
	}
	x.family("dialtone_line_state", "stateset", "", "The registration state of a line.")
	for _, l := range lines {
		for _, state := range []string{"disabled", "unregistered", "registering", "registered", "failed"} {
			x.sample("dialtone_line_state", bit(l.State == state), "line", strconv.Itoa(l.Line), "dialtone_line_state", state)
		}
	}
	server := func(name, unit, help string, value func(ServerStatus) string) {
		x.family(name, "gauge", unit, help)
		for _, l := range lines {
			for _, v := range l.Servers {
				x.sample(name, value(v), "line", strconv.Itoa(l.Line), "leg", v.Leg, "name", v.Name, "transport", v.Transport, "address", v.Address)
			}
		}
	}
	server("dialtone_server_up", "", "1 if the server is not known to be down.", func(v ServerStatus) string { return bit(v.State != "down") })
	server("dialtone_server_registered", "", "1 if the line is registered at this server.", func(v ServerStatus) string { return bit(v.Registered) })
	server("dialtone_server_in_use", "", "1 if requests go to this server.", func(v ServerStatus) string { return bit(v.InUse) })
	server("dialtone_server_registration_expires_seconds", "seconds", "How long the registration lasts.", func(v ServerStatus) string { return v.Expires.String() })
}

func (x *exposition) calls(calls []CallStatus) {
	living := 0
	for _, c := range calls {
		if c.State != "ended" {
			living++
		}
	}
	x.gauge("dialtone_calls", "", "Calls that have not ended.", strconv.Itoa(living))
	x.family("dialtone_call_duration_seconds", "gauge", "seconds", "Since the call was answered.")
	for _, c := range calls {
		x.sample("dialtone_call_duration_seconds", c.Duration.String(), "call", c.ID, "line", strconv.Itoa(c.Line), "direction", c.Direction, "state", c.State)
	}
	total := func(name, help string, value func(RTPStatus) uint64) {
		x.family(name, "counter", "", help)
		for _, c := range calls {
			x.sample(name+"_total", strconv.FormatUint(value(c.RTP), 10), "call", c.ID)
		}
	}
	total("dialtone_rtp_tx_packets", "RTP packets sent.", func(r RTPStatus) uint64 { return r.TxPackets })
	total("dialtone_rtp_rx_packets", "RTP packets received.", func(r RTPStatus) uint64 { return r.RxPackets })
	total("dialtone_rtp_rx_lost_packets", "RTP packets that never came.", func(r RTPStatus) uint64 { return r.RxLost })
	total("dialtone_rtp_rx_late_packets", "RTP packets that came too late to be played.", func(r RTPStatus) uint64 { return r.RxLate })
	total("dialtone_rtp_rx_forged_packets", "Packets that were not of the keys agreed on.", func(r RTPStatus) uint64 { return r.RxForged })
	gauge := func(name, unit, help string, value func(RTPStatus) Decimal) {
		x.family(name, "gauge", unit, help)
		for _, c := range calls {
			x.sample(name, strconv.FormatFloat(float64(value(c.RTP)), 'f', -1, 64), "call", c.ID)
		}
	}
	gauge("dialtone_rtp_concealed_seconds", "seconds", "Time that was made up for lost packets.", func(r RTPStatus) Decimal { return seconds(r.Concealed) })
	gauge("dialtone_rtp_jitter_seconds", "seconds", "Interarrival jitter, RFC 3550.", func(r RTPStatus) Decimal { return seconds(r.Jitter) })
	gauge("dialtone_rtp_buffer_seconds", "seconds", "Depth of the jitter buffer.", func(r RTPStatus) Decimal { return seconds(r.Buffer) })
	gauge("dialtone_rtp_round_trip_seconds", "seconds", "Round trip by RTCP.", func(r RTPStatus) Decimal { return seconds(r.RTT) })
	gauge("dialtone_rtp_mos_lq", "", "Estimated listening quality, 1 to 5.", func(r RTPStatus) Decimal { return r.MOSLQ })
}

// seconds are milliseconds in seconds, and 0 for what is not a number.
func seconds(ms Decimal) Decimal {
	if ms != ms || ms > maxDecimal || ms < -maxDecimal {
		return 0
	}
	return ms / 1000
}

// process writes what the program itself costs.
func (x *exposition) process() {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return samples[i].Value.Uint64()
	}
	x.gauge("go_goroutines", "", "Goroutines.", strconv.FormatUint(value(0), 10))
	x.gauge("go_memory_heap_objects_bytes", "bytes", "Memory of living and not yet swept objects.", strconv.FormatUint(value(1), 10))
	x.gauge("go_memory_total_bytes", "bytes", "Memory mapped by the Go runtime.", strconv.FormatUint(value(2), 10))
	x.counter("go_gc_cycles", "", "Garbage collections.", value(3))
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 1 {
			pages, _ := strconv.ParseUint(fields[1], 10, 64) // the kernel writes numbers
			x.gauge("process_resident_memory_bytes", "bytes", "Resident memory.", strconv.FormatUint(pages*uint64(os.Getpagesize()), 10))
		}
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		x.gauge("process_open_fds", "", "Open file descriptors.", strconv.Itoa(len(files)))
	}
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		x.family("process_cpu_seconds", "counter", "seconds", "Processor time used.")
		x.sample("process_cpu_seconds_total", Seconds(cpu).String())
	}
}
