package media

// Implementation constants.
const (
	inbandLevel = -8.0                    // dBm of the low group, into the call
	inbandGap   = 60 * sampleRate / 1000  // silence after each digit; ITU-T Q.24 receivers want 40 ms
	inbandLong  = 100 * sampleRate / 1000 // least length of a digit
)

// An inbandSender says digits as tones instead of the microphone, for a far end that has not agreed to
// telephone-event.
type inbandSender struct {
	waiting eventSender // its queue only
	voice   voice
	gap     int
	mix     []int32
}

// busy says whether the microphone is replaced now.
func (b *inbandSender) busy() bool { return b.voice.running || b.gap > 0 || b.waiting.queued > 0 }

// replace overwrites captured samples while there are digits to say.
func (b *inbandSender) replace(pcm []int16) {
	if !b.busy() {
		return
	}
	mix := b.mix[:len(pcm)]
	clear(mix)
	for rest := mix; len(rest) > 0; {
		if !b.voice.running && b.gap == 0 {
			e, ok := b.waiting.take()
			if !ok {
				break
			}
			b.voice.start(compileDTMF(e.event, inbandLevel, int64(max(e.wanted, inbandLong))))
			b.gap = inbandGap
		}
		n := len(rest)
		if b.voice.running {
			n = int(min(int64(n), b.voice.left()))
			b.voice.add(rest[:n])
		} else {
			n = min(n, b.gap)
			b.gap -= n
		}
		rest = rest[n:]
	}
	for i, v := range mix {
		pcm[i] = clip(v)
	}
}

// clip is the sample nearest to v.
func clip(v int32) int16 { return int16(min(max(v, -32768), 32767)) }
