"use strict";
// The sound of the telephone between the phone's 8000 samples a second and the browser's own rate. It
// runs as an audio worklet; a page that may have none loads it as a script and pulls the ear itself.

const phoneRate = 8000;
const frameSize = 160; // samples of a message, 20 ms
const crossings = 24; // of zero, on either side of the filter's middle: the band ends at 3.3 kHz, 4.1 kHz is 60 dB down and 4.4 kHz 90
const cutoff = 0.925; // the filter's -6 dB, of half the lower rate
const kaiserBeta = 8;
const phases = 64;

function bessel0(x) {
  let sum = 1, term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

// A Resampler is a queue of samples that is read at another rate than it is written: a windowed sinc, in
// phases between which it interpolates.
class Resampler {
  constructor(from, to, size) {
    this.step = from / to;
    const wide = Math.max(1, this.step);
    this.half = Math.ceil(crossings * wide);
    this.size = size; // a power of two
    this.ring = new Float32Array(size);
    this.end = this.half; // samples written, after a little silence
    this.at = this.half; // where it is read
    this.taps = new Float32Array((phases + 1) * 2 * this.half);
    const band = cutoff / wide;
    for (let p = 0; p <= phases; p++) {
      let sum = 0;
      const row = p * 2 * this.half;
      for (let k = 0; k < 2 * this.half; k++) {
        const d = k - this.half + 1 - p / phases, x = d / this.half;
        const sinc = d === 0 ? 1 : Math.sin(Math.PI * band * d) / (Math.PI * band * d);
        const tap = Math.abs(x) >= 1 ? 0 : sinc * bessel0(kaiserBeta * Math.sqrt(1 - x * x)) / bessel0(kaiserBeta);
        this.taps[row + k] = tap;
        sum += tap;
      }
      for (let k = 0; k < 2 * this.half; k++) this.taps[row + k] /= sum;
    }
  }

  // waiting is how many samples were written and not yet read.
  get waiting() { return this.end - this.at; }

  // ready says whether one can be read.
  get ready() { return this.end - this.at > this.half + 1; }

  write(sample) { this.ring[this.end++ & (this.size - 1)] = sample; }

  // skip leaves out samples, all but so many.
  skip(left) { if (this.waiting > left) this.at = this.end - left; }

  // read returns the next sample and moves on by the step, times speed.
  read(speed) {
    const whole = Math.floor(this.at), phase = (this.at - whole) * phases, p = Math.floor(phase), part = phase - p;
    const width = 2 * this.half, row = p * width, mask = this.size - 1, first = whole - this.half + 1;
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const tap = this.taps[row + k];
      sum += this.ring[(first + k) & mask] * (tap + part * (this.taps[row + width + k] - tap));
    }
    this.at += this.step * speed;
    if (this.at > 1 << 28) { // long before the bits of the mask end
      this.at -= 1 << 28;
      this.end -= 1 << 28;
    }
    return sum;
  }
}

// An Ear plays what comes from the phone. It waits until a little has come, 60 to 100 ms as the network
// needs, and keeps it there, by reading a little faster or slower than it is written.
class Ear {
  constructor(rate) {
    this.queue = new Resampler(phoneRate, rate, 8192);
    this.rate = rate;
    this.target = 640; // samples at 8 kHz
    this.playing = false;
    this.level = 0; // mean of what waits
    this.gain = 0;
    this.last = 0;
    this.sinceGap = Infinity; // seconds
    this.calm = 0; // seconds without a gap
    this.gaps = 0;
    this.peak = 0;
  }

  push(samples) {
    if (!this.playing && this.sinceGap < 0.5) { // it went on: what was missing came too late
      this.target = Math.min(800, this.target + 80);
      this.gaps++;
      this.sinceGap = Infinity;
    }
    for (const v of samples) this.queue.write(v / 32768);
    if (this.queue.waiting > 2000) this.queue.skip(this.target);
  }

  pull(out) {
    const q = this.queue, seconds = out.length / this.rate;
    this.sinceGap += seconds;
    if (!this.playing && q.waiting >= this.target + q.half) {
      this.playing = true;
      this.level = this.target;
      this.gain = 0;
    }
    let speed = 1;
    if (this.playing) {
      this.level += (q.waiting - q.half - this.level) * Math.min(1, seconds / 1.5);
      const usual = this.target - frameSize / 2;
      speed = 1 + Math.max(-0.006, Math.min(0.006, (this.level - usual) / usual * 0.02));
      this.calm += seconds;
      if (this.calm > 10) {
        this.calm = 0;
        this.target = Math.max(480, this.target - 40);
      }
    }
    for (let i = 0; i < out.length; i++) {
      if (this.playing && !q.ready) {
        this.playing = false;
        this.sinceGap = 0;
        this.calm = 0;
      }
      if (this.playing) {
        this.gain = Math.min(1, this.gain + 1 / 240);
        this.last = q.read(speed) * this.gain;
      } else {
        this.last *= 0.98; // no click
      }
      out[i] = this.last;
      const size = Math.abs(this.last);
      if (size > this.peak) this.peak = size;
    }
  }
}

// A Mouth makes frames for the phone of what the microphone gives.
class Mouth {
  constructor(rate, send) {
    this.queue = new Resampler(rate, phoneRate, 8192);
    this.send = send;
    this.frame = new Int16Array(frameSize);
    this.n = 0;
    this.peak = 0;
  }

  push(samples) {
    for (const v of samples) this.queue.write(v);
    while (this.queue.ready) {
      const v = this.queue.read(1), size = Math.abs(v);
      if (size > this.peak) this.peak = size;
      this.frame[this.n++] = Math.max(-32768, Math.min(32767, Math.round(v * 32768)));
      if (this.n === frameSize) {
        this.send(this.frame);
        this.n = 0;
      }
    }
  }
}

if (typeof registerProcessor === "function") {
  registerProcessor("dialtone", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.ear = new Ear(sampleRate);
      this.mouth = new Mouth(sampleRate, (frame) => {
        if (!this.open) return;
        const copy = frame.slice().buffer;
        this.port.postMessage(copy, [copy]);
      });
      this.open = false; // the phone is off-hook: it hears
      this.told = 0;
      this.port.onmessage = ({ data }) => {
        if (data instanceof ArrayBuffer) this.ear.push(new Int16Array(data)); else this.open = data.open;
      };
    }

    process(inputs, outputs) {
      const out = outputs[0][0];
      if (out) this.ear.pull(out);
      if (inputs[0].length) this.mouth.push(inputs[0][0]);
      if ((this.told += 128) > sampleRate / 20) {
        this.told = 0;
        this.port.postMessage({ ear: this.ear.peak, mouth: this.mouth.peak, waiting: this.ear.queue.waiting / 8, target: this.ear.target / 8, gaps: this.ear.gaps });
        this.ear.peak = this.mouth.peak = 0;
      }
      return true;
    }
  });
}
