// The player of one recording: frame by frame, speeds, keys, the drawn sound, small pictures over the scrubber.
//
// What is shown as time and frame is what the browser says it has painted, never what was asked for.

import { follow } from "./beginning.js";
import { Cutting } from "./cutting.js";
import { FrameTable } from "./frames.js";
import { Storyboard } from "./storyboard.js";
import { drawWave } from "./wave.js";

const JUMP = 5; // seconds
const PATIENCE = 150; // milliseconds in which the browser may still say what it has painted after a seek
const TRIES = 5;
const player = document.querySelector("[data-player]");
const part = (name) => player.querySelector(`[data-${name}]`);
const video = player.querySelector("video");
const { base, view } = player.dataset;
const position = part("position");
const peek = part("peek");
const peekCanvas = peek.querySelector("canvas");
const peekTime = peek.querySelector("span");
const rate = part("rate");
const cutting = document.querySelector("[data-cutting]");
const toggle = player.querySelector('[data-do="toggle"]');
const sound = player.querySelector('[data-do="mute"]');
const volume = part("volume");

let table = null; // when each frame is shown, once it has been fetched
let painted = 0; // media time of the picture on the screen, in seconds
let wave = null;
let storyboard = null;
let seeking = false;
let wanted = null; // where to go next, when a seek is still under way
let stepped = null; // the frame that a step is on its way to, until it is painted
let unsaid = null; // the timer that looks whether the picture of a seek was told of
let tries = 0; // how often the picture beside it was gone to because it was not
let back = null; // where to return to from there
let cuts = null; // the form that asks for clips, where there is one

function start() {
  video.removeAttribute("controls");
  for (const name of ["scrub", "controls"]) part(name).hidden = false;
  listen();
  if (cutting) cuts = new Cutting(cutting, () => ({ frame: table ? table.at(painted) + 1 : null, seconds: painted }));
  fetchTables();
  show();
  if ("beginning" in player.dataset) follow(player, video, fetchTables);
  if (new URLSearchParams(location.search).has("play")) video.play().catch(() => {});
}

function listen() {
  for (const button of player.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => ACTS[button.dataset.do]());
  }
  video.addEventListener("click", ACTS.toggle);
  video.addEventListener("play", leaveSteps);
  for (const event of ["play", "pause", "ended"]) video.addEventListener(event, showPlaying);
  video.addEventListener("loadedmetadata", show);
  video.addEventListener("durationchange", () => { show(); redrawWave(); });
  video.addEventListener("timeupdate", () => { if (!hasPaintTimes) { painted = video.currentTime; show(); } });
  video.addEventListener("seeked", goOn);
  video.addEventListener("volumechange", showSound);
  volume.addEventListener("input", () => { video.volume = Number(volume.value); video.muted = false; });
  video.addEventListener("error", explain);
  rate.addEventListener("change", () => setRate(Number(rate.value)));
  position.addEventListener("input", () => seek((position.value / 1000) * duration()));
  const scrub = part("scrub");
  scrub.addEventListener("pointermove", (event) => showPeek(event, scrub));
  scrub.addEventListener("pointerleave", () => { peek.hidden = true; });
  document.addEventListener("keydown", onKey);
  new ResizeObserver(redrawWave).observe(part("wave"));
  if (hasPaintTimes) video.requestVideoFrameCallback(onPaint);
}

const isSound = player.classList.contains("c-player--sound");
const hasPaintTimes = "requestVideoFrameCallback" in HTMLVideoElement.prototype && !isSound;

function onPaint(_now, { mediaTime }) {
  painted = mediaTime;
  show();
  video.requestVideoFrameCallback(onPaint);
}

async function fetchTables() {
  if ("frames" in player.dataset) {
    const told = await fetchJson(`${base}/frames`);
    if (told && told.frames > 0) table = new FrameTable(told);
    show();
  }
  if ("waveform" in player.dataset) {
    wave = await fetchJson(`${base}/waveform`);
    redrawWave();
  }
}

async function fetchJson(url) {
  const answer = await fetch(url);
  return answer.ok ? answer.json() : null;
}

const ACTS = {
  toggle: () => (video.paused ? video.play().catch(explain) : video.pause()),
  back: () => seek(heading() - JUMP),
  on: () => seek(heading() + JUMP),
  "step-back": () => step(-1),
  "step-on": () => step(1),
  mute: () => { video.muted = !video.muted; },
  full: () => (document.fullscreenElement ? document.exitFullscreen() : player.requestFullscreen()),
};

const KEYS = {
  " ": ACTS.toggle, ",": ACTS["step-back"], ".": ACTS["step-on"], ArrowLeft: ACTS.back, ArrowRight: ACTS.on,
  "[": () => changeRate(-1), "]": () => changeRate(1), Home: () => seek(0), End: () => seek(duration()),
  s: ACTS.mute, f: ACTS.full, i: () => cuts?.set("in"), o: () => cuts?.set("out"),
};

const OF_PICTURES = [",", ".", "f"];

function onKey(event) {
  const elsewhere = event.target.closest("input:not([type=range]), select, textarea, a, button, summary");
  if (event.ctrlKey || event.altKey || event.metaKey || (elsewhere && !(elsewhere.matches("button[data-do]") && event.key !== " "))) return;
  const act = KEYS[event.key];
  if (!act || (isSound && OF_PICTURES.includes(event.key))) return;
  event.preventDefault();
  act();
}

async function step(by) {
  video.pause();
  await ready();
  if (!table) {
    seek(heading() + by / 25);
    return;
  }
  const from = stepped ?? table.at(seeking || wanted !== null || back !== null ? heading() : painted);
  stepped = Math.min(table.last, Math.max(0, from + by));
  seek(table.seekTo(stepped), { stepping: true });
}

// Data are fetched only when somebody watches: the first step or seek is the beginning of a viewing too.
function ready() {
  if (video.readyState >= HTMLMediaElement.HAVE_METADATA) return Promise.resolve();
  return new Promise((done) => {
    video.addEventListener("loadedmetadata", done, { once: true });
    if (video.preload !== "auto") { video.preload = "auto"; video.load(); }
  });
}

async function seek(seconds, { stepping = false } = {}) {
  if (!stepping) stepped = null;
  await ready();
  wanted = Math.min(Math.max(0, seconds), duration());
  back = null;
  tries = 0;
  if (!seeking) goOn();
}

// Where the recording stands, or where it will when the seeks under way have come about.
function heading() {
  return back ?? wanted ?? video.currentTime;
}

function goOn() {
  clearTimeout(unsaid);
  seeking = wanted !== null;
  if (!seeking) { unsaid = setTimeout(settle, PATIENCE); return; }
  video.currentTime = wanted;
  wanted = null;
}

// Of two pictures that follow each other closely a busy browser tells of the first alone. The second is on the screen,
// no further one comes, and to seek there again changes nothing: the picture beside it is shown, and then it once more.
function settle() {
  if (seeking || !video.paused) return;
  if (back !== null) [wanted, back] = [back, null];
  else if (isTold() || tries >= TRIES) { stepped = null; return; }
  else { tries += 1; [wanted, back] = [beside(video.currentTime), video.currentTime]; }
  goOn();
}

function isTold() {
  if (!hasPaintTimes) return true;
  return table ? table.at(painted) === table.at(video.currentTime) : Math.abs(video.currentTime - painted) < 0.5;
}

function beside(seconds) {
  if (!table) return Math.abs(seconds - 0.2);
  const here = table.at(seconds);
  return table.seekTo(here > 0 ? here - 1 : 1);
}

function leaveSteps() {
  if (back !== null) video.currentTime = back;
  stepped = back = null;
}

function setRate(value) {
  video.playbackRate = value;
  video.defaultPlaybackRate = value;
}

function changeRate(by) {
  rate.selectedIndex = Math.min(rate.options.length - 1, Math.max(0, rate.selectedIndex + by));
  setRate(Number(rate.value));
}

function duration() {
  return Number.isFinite(video.duration) && video.duration > 0 ? video.duration : Number(player.dataset.duration);
}

function show() {
  const length = duration();
  part("time").textContent = clockText(painted);
  part("frame").textContent = table ? `${table.at(painted) + 1} of ${table.length}` : "–";
  part("clock").textContent = wallClock(painted);
  const share = length > 0 ? Math.min(1, painted / length) : 0;
  position.value = Math.round(share * 1000);
  position.setAttribute("aria-valuetext", `${clockText(painted)} of ${clockText(length)}`);
  part("head").style.left = `${share * 100}%`;
}

function showPlaying() {
  player.classList.toggle("c-is-playing", !video.paused);
  toggle.setAttribute("aria-label", video.paused ? "Play" : "Pause");
}

function showSound() {
  const silent = video.muted || video.volume === 0;
  player.classList.toggle("c-is-silent", silent);
  sound.setAttribute("aria-label", silent ? "Sound on" : "Sound off");
  volume.value = String(video.muted ? 0 : video.volume);
}

function redrawWave() {
  if (wave?.peaks?.length) drawWave(part("wave"), wave, duration());
}

async function showPeek(event, scrub) {
  const box = scrub.getBoundingClientRect();
  const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  const seconds = share * duration();
  peekTime.textContent = clockText(seconds);
  peek.hidden = false;
  peekCanvas.hidden = !(await drawPeek(seconds));
  const room = box.width - peek.offsetWidth;
  peek.style.left = `${Math.min(Math.max(0, share * box.width - peek.offsetWidth / 2), Math.max(0, room))}px`;
}

// The small pictures are content: they are asked for only once the recording has been opened.
async function drawPeek(seconds) {
  if (!("storyboard" in player.dataset) || video.readyState === HTMLMediaElement.HAVE_NOTHING) return false;
  try {
    if (!storyboard) {
      storyboard = new Storyboard(base, view);
      storyboard.loaded = storyboard.load();
    }
    await storyboard.loaded;
    return await storyboard.draw(peekCanvas, seconds);
  } catch {
    return false;
  }
}

function explain(fault) {
  if (fault?.name === "AbortError") return;
  const code = video.error?.code;
  const words = {
    2: "The connection broke off. Check the network and load the page again.",
    3: "The browser could not decode this part. The master is unharmed; a person who runs the system can make the copy anew.",
    4: "This could not be opened. You may have been signed out, or the store is away: load the page again.",
  };
  const message = part("message");
  message.textContent = words[code] ?? "It could not be played. Load the page again.";
  message.hidden = false;
}

function clockText(seconds) {
  const whole = Math.max(0, seconds || 0);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = (whole % 60).toFixed(3).padStart(6, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function wallClock(seconds) {
  if (!player.dataset.captured) return "–";
  const moment = new Date(Date.parse(player.dataset.captured) + seconds * 1000);
  return `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

start();
