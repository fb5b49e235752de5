// The demonstration as a person uses it, in Debian's Chromium: dial 600 by clicking and hear oneself, call from
// one handset to the other, stop a proxy in the call, change a setting. Arguments: the dialtone binary, a WAV file
// the microphone hears, a folder for screenshots.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [binary, wav, pictures] = process.argv.slice(2);
const patience = 20_000; // ms for anything to come about
const password = "Str0ng-demo";
mkdirSync(pictures, { recursive: true });

function check(sentence, ok, detail = "") {
  if (!ok) throw new Error(`${sentence}${detail === "" ? "" : `: ${detail}`}`);
  console.log(`ok ${++checks} - ${sentence}${detail === "" ? "" : ` (${detail})`}`);
}
let checks = 0;

const shoot = (page, name, fullPage = false) => page.screenshot({ path: join(pictures, name + ".jpg"), type: "jpeg", quality: 80, fullPage });

// until asks again and again, for what it waits for happens in another process.
async function until(sentence, ask) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    last = await ask();
    if (last === true || (last && last.ok)) { check(sentence, true, (last && last.detail) || ""); return last; }
    if (Date.now() > end) throw new Error(`${sentence}: not within ${patience / 1000} s, at last ${JSON.stringify(last)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const started = Date.now();
const demo = spawn(binary, ["demo", "-port", "0", "-admin-password", password], { stdio: ["ignore", "pipe", "inherit"] });
let said = "";
demo.stdout.on("data", (text) => { said += text; });
await until("the demonstration says where it is", () => /Ctrl-C/.test(said));
const [control, ann, bob] = said.match(/http:\/\/127\.0\.0\.1:\d+/g);
check("its first page comes within a second", (await fetch(control)).ok && Date.now() - started < 1000, `${Date.now() - started} ms`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${wav}`],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" }); // a handset that shakes cannot be clicked by a program
const errors = [];
context.on("weberror", (e) => errors.push(e.error().message));

// What a page sends to its loudspeaker is listened to: an analyser at whatever is connected to the destination.
await context.addInitScript(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      const listener = new AnalyserNode(this.context, { fftSize: 8192, smoothingTimeConstant: 0 });
      connect.call(this, listener);
      window.listener = listener;
    }
    return connect.call(this, to, ...rest);
  };
  // The loudest frequency, in Hz, and its level in dBFS.
  window.heard = () => {
    if (!window.listener) return { hz: 0, db: -200 };
    const bins = new Float32Array(window.listener.frequencyBinCount);
    window.listener.getFloatFrequencyData(bins);
    let best = 0;
    bins.forEach((v, i) => { if (v > bins[best]) best = i; });
    return { hz: Math.round(best * window.listener.context.sampleRate / window.listener.fftSize), db: Math.round(bins[best]) };
  };
});

// A handset in a page.
class Handset {
  constructor(page, user) { this.page = page; this.user = user; }
  static async open(url, user) {
    const page = await context.newPage();
    await page.goto(url);
    const h = new Handset(page, user);
    await h.shows("registers", user);
    await until(`${user} is registered`, async () => (await h.status()).lines[0]?.state === "registered");
    return h;
  }
  status() { return this.page.evaluate(async () => (await fetch("/api/v1/status")).json()); }
  async calls() { return (await this.status()).calls.filter((c) => c.state !== "ended"); }
  lift() { return this.page.click("#hook"); }
  async keys(...names) { for (const k of names) await this.page.click(`[data-key="${k}"]`); }
  text() { return this.page.textContent("#lcd-text"); }
  shows(sentence, words) { return until(`${this.user} ${sentence}: the screen shows "${words}"`, async () => { const t = await this.text(); return t.includes(words) || { last: t }; }); }
  picture(name) { return shoot(this.page, name); }
  // hears waits for a tone in what the page plays.
  hears(sentence, hz) {
    return until(`${this.user} ${sentence}`, async () => {
      const h = await this.page.evaluate(() => window.heard());
      return { ok: Math.abs(h.hz - hz) <= 12 && h.db > -50, detail: `${h.hz} Hz, ${h.db} dBFS` };
    });
  }
}

try {
  const a = await Handset.open(ann, "1001");
  await a.picture("handset-idle");
  await a.lift();
  await a.shows("is lifted", "Enter number");
  await until("the dial tone is heard", async () => {
    const h = await a.page.evaluate(() => window.heard());
    return { ok: h.db > -50 && h.hz > 300 && h.hz < 500, detail: `${h.hz} Hz, ${h.db} dBFS` };
  });
  await a.keys("6", "0", "0", "#");
  await a.shows("dials 600 by clicking", "Connected");
  await a.hears("hears the echo of the microphone's tone", 1000);
  await a.picture("handset-echo");
  const lcd = await a.page.evaluate(async () => { const i = document.getElementById("lcd"); await i.decode(); return i.naturalWidth * i.naturalHeight; });
  check("the LCD is a picture, pixel by pixel", lcd >= 320 * 240, `${lcd} pixels`);
  await a.lift();
  await until("hanging up ends the call", async () => (await a.calls()).length === 0);

  const b = await Handset.open(bob, "1002");
  await b.keys("1", "0", "0", "1", "talk");
  await a.shows("is called", "Bob");
  await a.picture("handset-ringing");
  await a.lift();
  await a.shows("answers", "Connected");
  await b.shows("is answered", "Connected");
  await b.hears("hears the other handset's microphone", 1000);
  await a.keys("hold");
  await until("1002 is told that it is held", async () => (await b.calls())[0]?.state === "remote-held");
  await a.keys("hold");
  await until("and taken back", async () => (await b.calls())[0]?.state === "connected");
  await b.hears("hears again", 1000);

  let lost = 0; // the release of a key, on its way to the phone
  const released = (request) => request.url().endsWith("/api/v1/keys") && /"key":"volup","down":false/.test(request.postData());
  await b.page.route("**/api/v1/keys", async (route) => { if (released(route.request()) && lost++ < 2) await route.abort(); else await route.continue(); });
  const arrived = b.page.waitForResponse((r) => released(r.request()), { timeout: patience });
  await b.keys("volup");
  check("a release that is lost on its way is sent again", (await arrived).ok() && lost === 3, `${lost} times`);
  await b.page.unroute("**/api/v1/keys");

  const page = await context.newPage();
  await page.setViewportSize({ width: 1500, height: 1000 });
  await page.goto(control.replace("127.0.0.1", "localhost"));
  for (const url of [ann, bob]) {
    await until("the control page, opened as localhost, shows both handsets", async () => {
      const frame = page.frames().find((f) => f.url().startsWith(url));
      return { ok: Boolean(frame) && /Connected/.test(await frame.textContent("#lcd-text").catch(() => "")), detail: url };
    });
  }
  await page.waitForSelector('[data-name="a"] [data-mode="stop"]');
  const before = (await b.calls())[0].rtp.rx_packets;
  await page.click('[data-name="a"] [data-mode="stop"]');
  for (const h of [b, a]) {
    await until(`proxy a is stopped: the line of ${h.user} moves to b`, async () => {
      const l = (await h.status()).lines[0];
      return { ok: l.state === "registered" && l.servers.some((s) => s.name.startsWith("b.") && s.in_use && s.registered), detail: l.active };
    });
  }
  await until("the voice goes on", async () => { const c = (await b.calls())[0]; return { ok: c?.rtp.rx_packets > before + 50, detail: `${c?.rtp.rx_packets - before} packets` }; });
  check("and nothing of it was lost", (await b.calls())[0].rtp.rx_lost === 0);
  await page.waitForTimeout(300);
  await shoot(page, "demo", true);
  await page.setViewportSize({ width: 375, height: 812 });
  await page.waitForTimeout(300);
  check("the control page fits a telephone", (await page.evaluate(() => document.documentElement.scrollWidth)) <= 375);
  const states = async (one, two) => (await a.calls())[0]?.state === one && (await b.calls())[0]?.state === two;
  await a.keys("hold");
  await until("with a still stopped, 1001 holds the call and 1002 knows", () => states("held", "remote-held"));
  await a.keys("hold");
  await until("1001 takes it back", () => states("connected", "connected"));
  await b.keys("end");
  await until("1002 hangs up, and the call is over on both sides", async () => (await a.calls()).length + (await b.calls()).length === 0);
  await page.click('[data-name="a"] [data-mode="normal"]');
  await a.page.evaluate(() => { if (document.getElementById("hook").getAttribute("aria-pressed") === "true") document.getElementById("hook").click(); });

  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(`${ann}/settings?page=Ext+1`);
  await page.fill("#password", password);
  await page.click("form button");
  await page.waitForSelector("#form");
  await page.selectOption("#i-Dual_Registration_1_", "Yes");
  await page.fill("#i-Alternate_Proxy_1_", "192.0.2.77");
  await page.fill("#i-Register_Expires_1_", "");
  await page.click("summary:has-text('Dial Plan')");
  await page.fill("#i-Dial_Plan_1_", "(xx.|[9-2])");
  await page.evaluate(() => { document.getElementById("form").noValidate = true; });
  await page.click("#submit");
  await page.waitForSelector(".result");
  check("two settings are applied, two refused", /2 settings were changed/.test(await page.textContent(".result")) && /2 were refused/.test(await page.textContent(".result")), (await page.textContent(".result")).replace(/\s+/g, " ").trim());
  await shoot(page, "settings");
  check("what was refused counts as edited", /^2 settings are edited/.test(await page.textContent("#count")), await page.textContent("#count"));
  await page.focus("#i-Dial_Plan_1_");
  await page.click("#f-Dial_Plan_1_ .tools button:has-text('Undo')");
  check("undone, a refused dial plan is the one in force again", (await page.inputValue("#i-Dial_Plan_1_")).startsWith("(*xx|"), await page.inputValue("#i-Dial_Plan_1_"));
  await page.fill("#i-Alternate_Proxy_1_", "192.0.2.78");
  await page.click("#undo");
  await until("everything undone, the values in force stand there", async () => {
    const now = [await page.inputValue("#i-Register_Expires_1_"), await page.inputValue("#i-Alternate_Proxy_1_"), await page.textContent("#count")].join(" ");
    return { ok: now === "20 192.0.2.77 Nothing is edited.", detail: now };
  });
  await page.goto(`${ann}/settings?page=Ext+1`);
  check("Dual_Registration_1_ is Yes from now on", (await page.inputValue("#i-Dual_Registration_1_")) === "Yes" && (await page.inputValue("#i-Alternate_Proxy_1_")) === "192.0.2.77");
  let answer, came; // what a search finds comes late, and somebody has begun to edit
  const late = new Promise((done) => { answer = done; }), asked = new Promise((done) => { came = done; });
  await page.route("**/settings?part=1&**", async (route) => { came(); await late; await route.continue(); });
  await page.fill("#q", "dual");
  await asked;
  await page.fill("#i-Display_Name_1_", "Anna");
  const answered = page.waitForResponse(/part=1/).then((r) => r.finished());
  answer();
  await answered;
  await page.waitForTimeout(300); // for the page to do with it what it may
  check("a search that answers late does not take away what was edited", (await page.inputValue("#i-Display_Name_1_")) === "Anna");
  await page.click("#undo");
  await page.unroute("**/settings?part=1&**");
  await page.fill("#q", "dual r");
  await page.waitForSelector("#i-Dual_Registration_8_");
  check("with nothing edited, what is found stands there", (await page.$("#i-Display_Name_1_")) === null);
  await page.goto(`${ann}/settings?page=Ext+1`);
  await page.setViewportSize({ width: 375, height: 812 });
  check("the settings fit a telephone", (await page.evaluate(() => document.documentElement.scrollWidth)) <= 375);
  await shoot(page, "settings-phone");
  await a.page.setViewportSize({ width: 375, height: 812 });
  check("the handset fits a telephone", (await a.page.evaluate(() => document.documentElement.scrollWidth)) <= 375);
  await a.picture("handset-phone");
  check("no page reported an error", errors.length === 0, errors.join("; "));
} finally {
  await browser.close();
  const ended = Date.now();
  demo.kill("SIGINT");
  const [code] = demo.exitCode === null ? await once(demo, "exit") : [demo.exitCode];
  check("Ctrl-C ends it cleanly", code === 0, `exit ${code} after ${Date.now() - ended} ms`);
}
console.log(`${checks} passed, 0 failed`);
