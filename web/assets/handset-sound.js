"use strict";
// Talks and listens: the phone's sound comes and goes over a WebSocket, and the worklet turns it into the
// browser's. It begins with the first click or key, because browsers let no page make noise before.
{
  const said = document.getElementById("sound");
  const hear = document.getElementById("hear");
  const earLevel = document.getElementById("ear-level");
  const mouthLevel = document.getElementById("mouth-level");
  let context = null, socket = null, begun = false, taken = false, microphone = "";
  let toEar = () => {}; // plays a message
  let setOpen = () => {}; // whether the phone hears the microphone
  let offHook = false, ringing = false;

  function show() {
    const running = context?.state === "running";
    const online = socket?.readyState === WebSocket.OPEN;
    if (taken) said.textContent = "Another window talks and listens now.";
    else if (!begun || !running) said.textContent = hook ? "Click the handset to lift it: that turns the sound on." : "Click anywhere to hear and talk.";
    else if (!online) said.textContent = "No sound: not connected.";
    else said.textContent = microphone;
    hear.hidden = !(taken || (!running && (ringing || offHook)));
    hear.textContent = taken ? "Take it back" : "Click to hear";
    document.body.dataset.sound = taken ? "taken" : running && online ? "on" : "off";
  }

  function meter(element, peak) {
    const db = peak > 0 ? 20 * Math.log10(peak) : -60;
    element.value = Math.max(0, 1 + db / 60);
  }

  async function begin() {
    if (begun) { context?.resume().then(show, show); return; }
    begun = true;
    try {
      context = new AudioContext({ latencyHint: "interactive" });
      context.onstatechange = show;
      await context.resume();
      if (context.audioWorklet) await openWorklet(); else await openScript();
    } catch (e) {
      microphone = "This browser makes no sound here.";
      show();
      return;
    }
    connect();
  }

  async function openWorklet() {
    await context.audioWorklet.addModule("/static/handset-worklet.js");
    const node = new AudioWorkletNode(context, "dialtone", { numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [1], channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) { send(data); return; }
      meter(earLevel, data.ear);
      meter(mouthLevel, data.mouth);
      earLevel.title = `${Math.round(data.waiting)} ms wait to be heard, ${data.gaps} gaps`;
    };
    node.connect(context.destination);
    toEar = (data) => node.port.postMessage(data, [data]);
    setOpen = (open) => node.port.postMessage({ open });
    setOpen(offHook);
    openMicrophone(node); // its question to the user holds up nobody
  }

  // openScript is for pages that may have no worklet and no microphone: neither https nor this machine.
  async function openScript() {
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = "/static/handset-worklet.js";
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    const ear = new Ear(context.sampleRate);
    const node = context.createScriptProcessor(1024, 1, 1);
    node.onaudioprocess = (event) => {
      ear.pull(event.outputBuffer.getChannelData(0));
      meter(earLevel, ear.peak);
      ear.peak = 0;
    };
    node.connect(context.destination);
    toEar = (data) => ear.push(new Int16Array(data));
    microphone = "You hear, but cannot talk: browsers give a microphone to pages over https or of this machine only.";
  }

  async function openMicrophone(node) {
    microphone = "You hear; the microphone waits for your leave.";
    show();
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "NotFoundError");
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 } });
      context.createMediaStreamSource(stream).connect(node);
      microphone = "You hear and talk.";
      stream.getAudioTracks()[0].addEventListener("ended", () => { microphone = "You hear, but cannot talk: the microphone went away."; meter(mouthLevel, 0); show(); });
    } catch (e) {
      microphone = "You hear, but cannot talk: " + ({ NotAllowedError: "the microphone is not allowed.", NotFoundError: "there is no microphone." }[e.name] ?? "the microphone cannot be used.");
    }
    show();
  }

  function connect() {
    taken = false;
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/sound`);
    socket.binaryType = "arraybuffer";
    socket.onopen = show;
    socket.onmessage = ({ data }) => { if (data instanceof ArrayBuffer) toEar(data); };
    socket.onclose = ({ code }) => {
      taken = code === 4001; // come again by itself, it would take the sound back, and so on for ever
      if (!taken) setTimeout(connect, 2000);
      show();
    };
    show();
  }

  // send gives a frame to the phone; what the network does not take is better lost than late.
  function send(frame) {
    if (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < 2000) socket.send(frame);
  }

  document.addEventListener("handset", ({ detail }) => {
    ringing = detail.ring;
    offHook = detail.path !== "";
    setOpen(offHook);
    show();
  });
  hear.addEventListener("click", () => { if (taken) connect(); });
  for (const name of ["pointerdown", "pointerup", "keydown", "click"]) window.addEventListener(name, begin, { capture: true });
  show();
}
