"use strict";
// Keeps the start page true: every event fetches the changing part again, as the server draws it.
const state = document.getElementById("state");
const link = document.getElementById("link");
const error = document.getElementById("error");
let waiting = false, again = false, timer = 0, shown = "";

async function refresh() {
  if (waiting) { again = true; return; }
  waiting = true;
  clearTimeout(timer);
  try {
    const answer = await fetch("/state");
    if (answer.status === 401) { location.assign("/login"); return; }
    const html = await answer.text();
    if (answer.ok && html !== shown) state.innerHTML = shown = html;
  } catch (e) { /* the stream of events shows that the phone is away */ }
  waiting = false;
  // Times run on while a call is up; otherwise now and then is enough.
  const pause = state.querySelector("button[data-call]") ? 1000 : 10000;
  timer = setTimeout(refresh, again ? 50 : pause);
  again = false;
}

function listen() {
  const events = new EventSource("/api/v1/events");
  events.onopen = () => { link.textContent = "live"; link.classList.add("live"); };
  events.onerror = () => {
    link.textContent = "not live"; link.classList.remove("live");
    if (events.readyState === EventSource.CLOSED) { setTimeout(listen, 5000); refresh(); }
  };
  for (const name of ["status", "phone", "line", "call", "gone", "screen", "provisioning", "decision"]) events.addEventListener(name, refresh);
}

async function send(method, path, body) {
  error.textContent = "";
  try {
    const answer = await fetch(path, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
    if (answer.status === 401) { location.assign("/login"); return false; }
    if (!answer.ok) error.textContent = (await answer.json()).error;
    return answer.ok;
  } catch (e) {
    error.textContent = "The phone does not answer.";
    return false;
  } finally { refresh(); }
}

state.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-call]");
  if (!button) return;
  button.disabled = true;
  const path = "/api/v1/calls/" + button.dataset.call;
  if (button.dataset.verb === "end") await send("DELETE", path); else await send("POST", path + "/" + button.dataset.verb);
  button.disabled = false; // what it did shows by another button in its place
});

document.getElementById("dial").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (await send("POST", "/api/v1/calls", { to: form.to.value.trim(), line: Number(form.line.value) })) form.to.value = "";
});

listen();
