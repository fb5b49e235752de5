"use strict";
// The settings form works without this. With it, what was edited is marked and can be undone, only that is
// sent, the search finds while one types, and the state of the lines is live.
const $ = (id) => document.getElementById(id);
let submitting = false;

const controls = (field) => [...field.querySelectorAll("input, select, textarea")];
// The value in force; a refused one stands in its field though the setting is another.
const original = (c) => (c.type === "checkbox" ? c.defaultChecked : c.closest(".field").dataset.value);
const current = (c) => (c.type === "checkbox" ? c.checked : c.value);
const edited = (c) => current(c) !== original(c);
function restore(c) { if (c.type === "checkbox") c.checked = c.defaultChecked; else c.value = original(c); }

const fields = () => [...document.querySelectorAll(".field")];
const isEdited = (field) => controls(field).some(edited);

function mark(field) { field.classList.toggle("edited", isEdited(field)); }
function undo(field) { controls(field).forEach(restore); field.classList.remove("refused"); mark(field); }

function count() {
  const n = fields().filter(isEdited).length;
  if (!$("count")) return;
  $("count").textContent = n ? `${n} ${n === 1 ? "setting is" : "settings are"} edited, not submitted yet` : "Nothing is edited.";
  $("submit").disabled = $("undo").disabled = n === 0;
}

function tools(field) {
  if (field.querySelector(".tools")) return;
  const bar = document.createElement("div");
  bar.className = "tools";
  const add = (text, title, act) => {
    const b = document.createElement("button");
    b.type = "button"; b.className = "quiet"; b.textContent = text; b.title = title;
    b.addEventListener("click", () => { act(); mark(field); count(); });
    bar.append(b);
  };
  add("Undo", "Back to the value in force", () => undo(field));
  const c = controls(field)[0];
  if (c.type !== "password") add("Default", "The value it was made with", () => { c.value = field.dataset.default; });
  field.querySelector(".control").append(bar);
}

function touched(event) {
  const field = event.target.closest && event.target.closest(".field");
  if (!field) return;
  tools(field);
  mark(field);
  count();
}

function wire() {
  const form = $("form");
  if (!form) return;
  form.addEventListener("input", touched);
  form.addEventListener("focusin", (e) => { const f = e.target.closest(".field"); if (f) tools(f); });
  form.addEventListener("reset", () => setTimeout(() => { fields().forEach(undo); count(); }));
  form.addEventListener("submit", () => {
    submitting = true;
    // Only what was edited is sent, so that nothing is put back that somebody else has changed meanwhile.
    for (const field of fields()) if (!isEdited(field)) controls(field).forEach((c) => { c.disabled = true; });
    const partial = document.createElement("input");
    partial.type = "hidden"; partial.name = "partial"; partial.value = "1";
    form.append(partial);
  });
  count();
}

addEventListener("beforeunload", (event) => { if (!submitting && fields().some(isEdited)) event.preventDefault(); });

let asked = 0, timer = 0;
async function search() {
  if (fields().some(isEdited)) return; // the button still searches
  const query = new URLSearchParams();
  if ($("q").value.trim()) query.set("q", $("q").value.trim());
  if ($("changed").checked) query.set("changed", "1");
  if (![...query].length) return;
  const mine = ++asked;
  const answer = await fetch("/settings?part=1&" + query).catch(() => null);
  if (!answer || mine !== asked) return;
  if (answer.redirected || answer.status === 401) { location.assign("/login?to=/settings"); return; }
  if (!answer.ok) return;
  const found = await answer.text();
  if (mine !== asked || fields().some(isEdited)) return; // edited meanwhile: that is worth more
  $("fields").innerHTML = found;
  document.querySelectorAll(".tabs a").forEach((a) => a.removeAttribute("aria-current"));
  $("result").replaceChildren();
  history.replaceState(null, "", "/settings?" + query);
  wire();
}
$("q").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 200); });
$("changed").addEventListener("change", search);

let busy = false, again = false;
async function live() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const strip = await fetch("/settings/live");
    if (strip.ok && !strip.redirected) $("strip").innerHTML = await strip.text();
    const servers = $("servers");
    if (servers) {
      const answer = await fetch("/settings/live?servers=1&page=Ext+" + servers.dataset.line);
      if (answer.ok && !answer.redirected) $("servers-live").innerHTML = await answer.text();
    }
  } catch (e) { /* the next event tries again */ }
  busy = false;
  if (again) { again = false; setTimeout(live, 100); }
}
function listen() {
  const events = new EventSource("/api/v1/events");
  for (const name of ["status", "line", "call", "gone", "provisioning"]) events.addEventListener(name, live);
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000); };
}
wire();
listen();
