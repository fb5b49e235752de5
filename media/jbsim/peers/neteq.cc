// Plays a trace through NetEQ of WebRTC, as Debian's libtgowt-dev has it, pulled every 10 ms.
#include <cstddef>
#include <memory>

#include "api/audio/audio_frame.h"
#include "api/audio_codecs/audio_decoder_factory_template.h"
#include "api/audio_codecs/g711/audio_decoder_g711.h"
#include "api/neteq/neteq.h"
#include "api/rtp_headers.h"
#include "modules/audio_coding/neteq/default_neteq_factory.h"
#include "system_wrappers/include/clock.h"

#include "trace.h"

int main(int argc, char **argv)
{
	const int pull_ms = 10, pull_samples = 80;
	struct trace t = open_trace(argc, argv);

	webrtc::SimulatedClock clock(0);
	webrtc::NetEq::Config config;
	config.sample_rate_hz = 8000;
	std::unique_ptr<webrtc::NetEq> neteq = webrtc::DefaultNetEqFactory().CreateNetEq(
		config, webrtc::CreateAudioDecoderFactory<webrtc::AudioDecoderG711>(), &clock);
	if (!neteq->RegisterPayloadType(0, webrtc::SdpAudioFormat("PCMU", 8000, 1)))
		fail("NetEQ does not take", "PCMU");

	auto advance = [&](double ms) { // local time
		int64_t us = (int64_t)(ms * 1000) - clock.TimeInMicroseconds();
		if (us > 0)
			clock.AdvanceTimeMicroseconds(us);
	};
	int next = 0;
	for (int k = 0; k < pulls(&t, pull_ms); k++) {
		double now = t.phase + k * pull_ms;
		for (; next < t.n && t.packets[next].arrive <= now * t.slow; next++) {
			const struct packet *p = &t.packets[next];
			uint8_t payload[packet_samples];
			encode(&t, p, payload);
			webrtc::RTPHeader h;
			h.payloadType = 0;
			h.sequenceNumber = (uint16_t)(first_seq + p->seq);
			h.timestamp = FIRST_STAMP + (uint32_t)p->seq * packet_samples;
			h.ssrc = 1;
			advance(p->arrive / t.slow);
			if (neteq->InsertPacket(h, rtc::ArrayView<const uint8_t>(payload, sizeof payload)) != webrtc::NetEq::kOK)
				fail("NetEQ refuses", "a packet");
		}
		advance(now);
		webrtc::AudioFrame frame;
		bool muted = false;
		if (neteq->GetAudio(&frame, &muted) != webrtc::NetEq::kOK || frame.samples_per_channel_ != pull_samples)
			fail("NetEQ does not give", "10 ms of sound");
		put(&t, frame.data(), pull_samples);
	}
	close_trace(&t);
}
