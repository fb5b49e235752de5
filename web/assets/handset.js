"use strict";
// The telephone at /: what is pressed goes to the phone, what the phone shows comes back. Nothing here
// decides anything; the page draws what the stream of events says.
const phone = document.getElementById("phone");
const glass = document.getElementById("glass");
const text = document.getElementById("lcd-text");
const away = document.getElementById("away");
const link = document.getElementById("link");
const error = document.getElementById("error");
const hook = document.getElementById("hook");
const lines = new Map(); // status of the lines by number
let handset = { lifted: false, path: "", muted: false, volume: 0, ring: false, soft: ["", "", "", ""], lamps: {} };
let live = false;

// Keys. One request at a time keeps their order; what is pressed meanwhile goes with the next one. A press that
// does not arrive is told and forgotten; a release is tried until it does, or the key would stay down.
const maxSteps = 64; // of one request
const retryAfter = 500; // ms
const steps = [];
const held = new Set(); // keys that are down now; the phone knows which become long and which repeat
let sending = false;

async function send() {
  if (sending) return;
  sending = true;
  while (steps.length) {
    const now = steps.splice(0, maxSteps);
    let arrived = true;
    try {
      const answer = await fetch("/api/v1/keys", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ steps: now }) });
      if (answer.status === 401) return leave();
      arrived = answer.status < 500;
      error.textContent = answer.ok ? "" : (await answer.json()).error;
    } catch (e) {
      arrived = false;
      error.textContent = "The phone does not answer: the key was not pressed.";
    }
    if (!arrived) {
      const releases = new Set([...now, ...steps].filter((s) => s.down === false && s.key !== "hook").map((s) => s.key));
      steps.splice(0, steps.length, ...[...releases].map((key) => ({ key, down: false })));
      if (steps.length) await new Promise((done) => setTimeout(done, retryAfter));
    }
  }
  sending = false;
}

function step(key, down) { steps.push(down === undefined ? { key } : { key, down }); send(); }

function capOf(key) { return phone.querySelector(`[data-key="${CSS.escape(key)}"]`); }

function press(key) {
  const cap = capOf(key);
  if (!cap || held.has(key)) return;
  cap.classList.add("down");
  held.add(key);
  step(key, true);
  navigator.vibrate?.(8);
}

function release(key) {
  if (!held.has(key)) return;
  held.delete(key);
  capOf(key).classList.remove("down");
  step(key, false);
}

function releaseAll() { for (const key of [...held]) release(key); }

function toggleHook() { if (hook) step("hook", handset.lifted); }

for (const cap of phone.querySelectorAll("[data-key]")) {
  const key = cap.dataset.key;
  cap.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault(); // the focus stays where the keyboard left it
    cap.setPointerCapture(event.pointerId);
    press(key);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) cap.addEventListener(name, () => release(key));
  cap.addEventListener("contextmenu", (event) => event.preventDefault());
  cap.addEventListener("click", (event) => { if (event.detail === 0) { step(key); } }); // of a program: a screen reader
}
hook?.addEventListener("mousedown", (event) => event.preventDefault());
hook?.addEventListener("click", toggleHook);
window.addEventListener("blur", releaseAll);
window.addEventListener("pagehide", () => {
  if (!held.size) return;
  const last = [...held].map((key) => ({ key, down: false }));
  fetch("/api/v1/keys", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ steps: last }), keepalive: true });
});

const keyboard = new Map([["Enter", "talk"], ["Escape", "end"], ["Backspace", "back"], ["ArrowUp", "up"], ["ArrowDown", "down"], ["ArrowLeft", "left"], ["ArrowRight", "right"],
  ["m", "mute"], ["M", "mute"], ["+", "volup"], ["-", "voldown"], ["F1", "soft1"], ["F2", "soft2"], ["F3", "soft3"], ["F4", "soft4"]]);
const typed = new Map(); // physical keys that are down: the key they press

window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const focus = document.activeElement?.closest("[data-key], #hook, a, button, summary, input, select");
  let key = /^[0-9*#]$/.test(event.key) ? event.key : keyboard.get(event.key);
  if (focus && (event.key === "Enter" || event.key === " ")) { // what has the focus is pressed
    if (focus === hook) { event.preventDefault(); if (!event.repeat) toggleHook(); return; }
    if (!focus.dataset.key) return;
    key = focus.dataset.key;
  } else if (event.key === " " || event.key === "h" || event.key === "H") {
    event.preventDefault();
    if (!event.repeat) toggleHook();
    return;
  }
  if (!key || !capOf(key)) return;
  event.preventDefault();
  if (event.repeat) return;
  typed.set(event.code || event.key, key);
  press(key);
});
window.addEventListener("keyup", (event) => {
  const code = event.code || event.key;
  if (!typed.has(code)) return;
  event.preventDefault();
  release(typed.get(code));
  typed.delete(code);
});

// The screen: the next picture is loaded before it takes the place of the last.
let loading = false, stale = false, count = 0, shownText = "";

async function loadScreen() {
  if (loading) { stale = true; return; }
  loading = true;
  do {
    stale = false;
    const image = new Image();
    image.id = "lcd";
    image.alt = "";
    image.draggable = false;
    image.src = `/api/v1/screen.png?n=${++count}`;
    try {
      await image.decode();
      fit(image);
      document.getElementById("lcd").replaceWith(image);
    } catch (e) { /* the stream shows that the phone is away; it comes again with the next event */ }
  } while (stale);
  loading = false;
}

// fit gives each pixel of the screen the same whole number of the display's, where that leaves it large;
// elsewhere the picture is smoothed. A tall screen leaves room for the keys below.
const tallest = 360; // CSS pixels
function fit(image) {
  const width = image.naturalWidth, height = image.naturalHeight;
  if (!width) return;
  const bezel = glass.parentElement, ratio = window.devicePixelRatio || 1;
  const most = Math.min((bezel.clientWidth - 2 * parseFloat(getComputedStyle(bezel).paddingLeft)) / width, tallest / height);
  const whole = Math.floor(most * ratio) / ratio;
  const scale = whole >= 0.75 * most ? whole : most;
  image.classList.toggle("smooth", scale !== whole);
  image.style.width = `${Math.round(width * scale * 1000) / 1000}px`;
  image.style.height = "auto";
}
window.addEventListener("resize", () => fit(document.getElementById("lcd")));

async function loadText() {
  try {
    const answer = await fetch("/api/v1/screen");
    if (answer.ok) showText((await answer.text()).replace(/\n$/, ""));
  } catch (e) { /* as above */ }
}

function showText(now) {
  if (now === shownText) return;
  shownText = now;
  text.textContent = now;
}

// What the case shows.
function showHandset(now) {
  handset = now;
  phone.classList.toggle("lifted", now.lifted);
  phone.classList.toggle("ringing", now.ring);
  phone.classList.toggle("alert", "message" in now.lamps);
  phone.dataset.path = now.path;
  hook?.setAttribute("aria-pressed", String(now.lifted));
  for (const lamp of phone.querySelectorAll("[data-lamp]")) {
    const lit = now.lamps[lamp.dataset.lamp];
    if (lit) { lamp.dataset.color = lit.color; lamp.dataset.pattern = lit.pattern; } else { delete lamp.dataset.color; delete lamp.dataset.pattern; }
  }
  now.soft.forEach((label, i) => {
    const cap = capOf(`soft${i + 1}`);
    if (cap) { cap.setAttribute("aria-label", label || `Soft ${i + 1}`); cap.title = label; }
  });
  capOf("mute")?.setAttribute("aria-pressed", String(now.muted));
  const level = document.querySelector("#volume i");
  if (level) level.style.height = `${now.volume * 10}%`;
  document.title = (now.ring ? "☎ " : "") + document.title.replace(/^☎ /, "");
  document.dispatchEvent(new CustomEvent("handset", { detail: now }));
}

function showLine(line) {
  lines.set(line.line, line);
  const label = phone.querySelector(`[data-line="${line.line}"]`);
  if (!label) return;
  label.textContent = line.user;
  label.parentElement.title = `Line ${line.line}: ${line.user}, ${line.state}${line.cause ? ` (${line.cause})` : ""}`;
}

// The stream of events.
function setLive(on) {
  live = on;
  away.hidden = on;
  phone.classList.toggle("lost", !on);
  link.classList.toggle("live", on);
  link.classList.toggle("lost", !on);
  link.textContent = on ? "connected" : "not connected";
}

let ended = false;

function leave() { ended = true; location.assign("/login"); }

async function mayEnter() {
  try { if ((await fetch("/api/v1/screen")).status === 401) leave(); } catch (e) { /* away */ }
}

function listen() {
  const events = new EventSource("/api/v1/events");
  const on = (name, show) => events.addEventListener(name, (event) => show(JSON.parse(event.data)));
  on("status", (status) => {
    setLive(true);
    for (const label of phone.querySelectorAll("[data-line]")) label.textContent = "";
    status.lines.forEach(showLine);
    showHandset(status.handset);
    loadScreen();
    loadText();
  });
  on("line", showLine);
  on("handset", (now) => { showHandset(now); loadScreen(); });
  on("screen", (screen) => { showText(screen.rows.join("\n")); loadScreen(); });
  events.onerror = () => {
    if (ended) return;
    setLive(false);
    mayEnter();
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

listen();
if (document.getElementById("lcd").complete) fit(document.getElementById("lcd"));
document.getElementById("lcd").addEventListener("load", (event) => fit(event.target));
