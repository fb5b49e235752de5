/* Plays a trace through the jitter buffer of speexdsp, pulled every 20 ms, as its packets are; what it
 * does not have is invented by the packet loss concealment of spandsp. */
#include <speex/speex_jitter.h>
#include <spandsp.h>

#include "trace.h"

int main(int argc, char **argv)
{
	struct trace t = open_trace(argc, argv);
	JitterBuffer *buffer = jitter_buffer_init(packet_samples);
	plc_state_t *plc = plc_init(NULL);
	int next = 0, k;

	if (!buffer || !plc)
		fail("no memory", argv[0]);
	for (k = 0; k < pulls(&t, packet_ms); k++) {
		double now = t.phase + k * packet_ms;
		int16_t pcm[packet_samples] = {0};
		char payload[2 * packet_samples];
		JitterBufferPacket p;
		spx_int32_t offset = 0;

		for (; next < t.n && t.packets[next].arrive <= now * t.slow; next++) {
			uint8_t codes[packet_samples];
			encode(&t, &t.packets[next], codes);
			memset(&p, 0, sizeof p);
			p.data = (char *)codes;
			p.len = sizeof codes;
			p.timestamp = FIRST_STAMP + (uint32_t)t.packets[next].seq * packet_samples;
			p.span = packet_samples;
			p.sequence = (spx_uint16_t)(first_seq + t.packets[next].seq);
			jitter_buffer_put(buffer, &p);
		}
		memset(&p, 0, sizeof p);
		p.data = payload;
		p.len = sizeof payload;
		if (jitter_buffer_get(buffer, &p, packet_samples, &offset) == JITTER_BUFFER_OK && p.len == packet_samples) {
			int i;
			for (i = 0; i < packet_samples; i++)
				pcm[i] = ulaw_to_linear((uint8_t)payload[i]);
			plc_rx(plc, pcm, packet_samples);
		} else {
			plc_fillin(plc, pcm, packet_samples);
		}
		jitter_buffer_tick(buffer);
		put(&t, pcm, packet_samples);
	}
	close_trace(&t);
	return 0;
}
