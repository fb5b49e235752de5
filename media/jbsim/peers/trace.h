/* What the drivers of other engines share: the trace on standard input, the sound in files, and PCMU.
 *
 * A driver is called as
 *
 *     driver REF.raw OUT.raw PHASE < trace
 *
 * where trace is the text of a trace file and the rest is as jbsim has it: raw sound, 8 kHz, signed
 * 16 bit little endian, mono; packet n carries samples 160n to 160n+159 as PCMU; the first sample of OUT
 * is pulled at local time PHASE (ms), and the local clock is skew_ppm slower than the sender's. */
#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	packet_samples = 160,
	packet_ms = 20,
	run_out_ms = 1500,   /* played on after the last packet was sent */
	max_packets = 2000000,
	first_seq = 65000,   /* both wrap early */
};
#define FIRST_STAMP 4294900000u

struct packet {
	int seq;
	double arrive; /* ms of the sender's clock */
};

struct trace {
	double slow; /* ms of the sender's clock in a local one */
	double phase;
	int sent;    /* packets, the lost ones too */
	int n;       /* packets that arrive, in their order */
	struct packet *packets;
	int16_t *ref;
	long samples;
	FILE *out;
};

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "%s: %s\n", what, name);
	exit(1);
}

static int earlier(const void *a, const void *b)
{
	const struct packet *x = (const struct packet *)a, *y = (const struct packet *)b;
	if (x->arrive != y->arrive)
		return x->arrive < y->arrive ? -1 : 1;
	return x->seq - y->seq;
}

static struct trace open_trace(int argc, char **argv)
{
	struct trace t;
	char line[4096];
	double sent, arrive;
	int seq;
	FILE *f;

	memset(&t, 0, sizeof t);
	t.slow = 1;
	if (argc != 4)
		fail("usage", "driver REF.raw OUT.raw PHASE < trace");
	t.phase = atof(argv[3]);
	if (!(f = fopen(argv[1], "rb")))
		fail("cannot be read", argv[1]);
	fseek(f, 0, SEEK_END);
	t.samples = ftell(f) / 2;
	rewind(f);
	t.ref = (int16_t *)malloc(2 * t.samples + 2);
	if (!t.ref || (long)fread(t.ref, 2, t.samples, f) != t.samples)
		fail("cannot be read", argv[1]);
	fclose(f);
	t.packets = (struct packet *)malloc(max_packets * sizeof *t.packets);
	if (!t.packets)
		fail("no memory", argv[0]);
	while (fgets(line, sizeof line, stdin)) {
		if (line[0] == '#') {
			const char *skew = strstr(line, "skew_ppm=");
			if (skew)
				t.slow = 1 + atof(skew + strlen("skew_ppm=")) * 1e-6;
			continue;
		}
		if (sscanf(line, "%d %lf %lf", &seq, &sent, &arrive) != 3 || seq < 0 || t.sent == max_packets)
			fail("no packet", line);
		t.sent++;
		if (arrive < 0 || (seq + 1L) * packet_samples > t.samples)
			continue;
		t.packets[t.n].seq = seq;
		t.packets[t.n++].arrive = arrive;
	}
	if (t.sent == 0)
		fail("no packets", "standard input");
	qsort(t.packets, t.n, sizeof *t.packets, earlier);
	if (!(t.out = fopen(argv[2], "wb")))
		fail("cannot be written", argv[2]);
	return t;
}

/* how many pulls of so many ms there are */
static int pulls(const struct trace *t, int ms) { return (t->sent * packet_ms + run_out_ms) / ms; }

static void put(const struct trace *t, const int16_t *pcm, int n)
{
	if ((int)fwrite(pcm, 2, n, t->out) != n)
		fail("cannot be written", "OUT");
}

static void close_trace(const struct trace *t)
{
	if (fclose(t->out))
		fail("cannot be written", "OUT");
}

/* the PCMU code of v by its magnitude, as jbsim has it */
static uint8_t mulaw(int16_t v)
{
	int m = (v < 0 ? -(int)v : v), e = 7;
	if (m > 32635)
		m = 32635;
	m += 132;
	while (e > 0 && !(m & (128 << e)))
		e--;
	return (uint8_t)~((v < 0 ? 0x80 : 0) | e << 4 | ((m >> (e + 3)) & 15));
}

static void encode(const struct trace *t, const struct packet *p, uint8_t *payload)
{
	int i;
	for (i = 0; i < packet_samples; i++)
		payload[i] = mulaw(t->ref[p->seq * (long)packet_samples + i]);
}

#endif
