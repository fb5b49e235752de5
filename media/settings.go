package media

import "time"

// Configure takes new tones and a new RTCP interval; what is playing goes on, the interval holds from
// the next report of each call.
func (e *Engine) Configure(tones TonePlan, rtcp time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cfg.Tones, e.cfg.RTCPInterval = tones, rtcp
}

// plan is the tones now.
func (e *Engine) plan() TonePlan {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cfg.Tones
}
