package media

import "time"

// Configure takes new tones, a new RTCP interval and a new range of ports. What is playing goes on, the
// interval holds from the next report of each call, the ports for calls to come.
func (e *Engine) Configure(tones TonePlan, rtcp time.Duration, portMin, portMax uint16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cfg.Tones, e.cfg.RTCPInterval, e.cfg.PortMin, e.cfg.PortMax = tones, rtcp, portMin, portMax
}

// ports is the range of ports now.
func (e *Engine) ports() (low, high uint16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cfg.PortMin, e.cfg.PortMax
}

// plan is the tones now.
func (e *Engine) plan() TonePlan {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cfg.Tones
}
