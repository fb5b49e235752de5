"use strict";
// The control page of the demonstration: what the network and the handsets tell comes as server-sent
// events, what is switched goes back as small POSTs.
const $ = (id) => document.getElementById(id);
const maxLines = 400;

function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") e.addEventListener("click", value); else if (value !== undefined && value !== false) e.setAttribute(name, value);
  }
  e.append(...children);
  return e;
}

async function send(path, body) {
  $("error").textContent = "";
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) $("error").textContent = await answer.text();
  } catch (e) { $("error").textContent = "The demonstration does not answer; it may have ended."; }
}

function switches(path, modes, now) {
  return make("div", { class: "switches" }, ...modes.map((m) => make("button", {
    type: "button", class: m.bad ? "bad" : "", "aria-pressed": String(m.mode === now), "data-mode": m.mode, title: m.help, onclick: () => send(path, { mode: m.mode }),
  }, m.label)));
}

// Only what changed is drawn anew, so that a button keeps the focus while numbers run.
const drawn = {};
function draw(id, key, ...children) {
  const text = JSON.stringify(key);
  if (drawn[id] === text) return;
  drawn[id] = text;
  const focus = document.activeElement && document.activeElement.dataset.mode;
  const inside = focus && $(id).contains(document.activeElement) && document.activeElement.closest("article").dataset.name;
  $(id).replaceChildren(...children.map((c) => c()));
  if (inside) { const b = $(id).querySelector(`[data-name="${inside}"] [data-mode="${focus}"]`); if (b) b.focus(); }
}

function show(state) {
  draw("proxies", state.proxies, ...state.proxies.map((p) => () => make("article", { "data-name": p.name },
    make("h3", {}, `proxy ${p.name} `, make("span", { class: "badge " + p.mode }, p.mode_label), make("small", {}, p.addresses.join(" · "))),
    switches("/api/proxies/" + p.name, state.modes, p.mode),
    make("p", { class: "note" }, p.registrations.length ? "knows " + p.registrations.join(", ") : "knows nobody"))));
  draw("dns", state.dns, () => make("article", { "data-name": "dns" },
    make("h3", {}, state.dns.address, make("small", {}, `${state.dns.queries} questions so far`)),
    switches("/api/dns", state.dns_modes, state.dns.mode), make("p", { class: "note" }, "Its records name the proxies"),
    switches("/api/order", state.orders, state.dns.order),
    make("p", { class: "note" }, state.dns.zone.join(" · "))));
  draw("lines", state.phones, ...state.phones.map((p) => () => make("article", {},
    make("h3", {}, p.user + " ", make("span", { class: "badge " + p.state }, p.state), make("small", {}, p.active ? "by " + p.active : ""),
      ...p.calls.map((c) => make("span", { class: "badge " + c.state }, `${c.state} ${c.peer}`))),
    make("div", { class: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["Server", "Address", "Leg", "Priority", "State", "Registered"].map((t) => make("th", {}, t)))),
      make("tbody", {}, ...p.servers.map((s) => make("tr", { class: s.in_use ? "use" : "" },
        make("td", {}, (s.in_use ? "● " : "") + s.name), make("td", {}, s.transport + ":" + s.address), make("td", {}, s.leg),
        make("td", {}, `${s.priority}/${s.weight}`), make("td", {}, make("span", { class: "badge " + s.state }, s.state), " " + s.cause),
        make("td", {}, s.registered ? "yes" : "–")))))))));
}

function decide(line) {
  const list = $("decisions");
  const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(make("li", { class: line.network ? "net" : "" }, make("time", {}, line.at.slice(11, 23)), make("b", {}, line.from), " ", line.text));
  while (list.children.length > maxLines) list.firstChild.remove();
  if (bottom) list.scrollTop = list.scrollHeight;
}

$("only").addEventListener("change", () => $("decisions").classList.toggle("only", $("only").checked));

function listen() {
  const events = new EventSource("/events");
  const link = $("link");
  events.onopen = () => { link.textContent = "live"; link.classList.add("live"); $("decisions").replaceChildren(); };
  events.onerror = () => {
    link.textContent = "not connected"; link.classList.remove("live");
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  events.addEventListener("state", (e) => show(JSON.parse(e.data)));
  events.addEventListener("line", (e) => decide(JSON.parse(e.data)));
}
listen();
