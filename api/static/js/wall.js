// The dock wall: says how old it is, goes grey when nothing has come for ten seconds, and reads out what matters.

const STALE_AFTER = 10_000; // milliseconds; the server sends something at least every five seconds

const wall = document.querySelector("[data-wall]");
const age = wall.querySelector("[data-wall-age]");
const says = wall.querySelector("[data-wall-says]");
// Without this script nothing here is live, so the word waits for it.
wall.querySelector("[data-wall-fresh]").hidden = false;
let heard = performance.now();
let before = states();

document.addEventListener("htmx:sse:after:message", () => {
  heard = performance.now();
  showAge();
  readOut();
});
document.addEventListener("visibilitychange", showAge);
setInterval(showAge, 1000);

function showAge() {
  const since = performance.now() - heard;
  const seconds = Math.floor(since / 1000);
  age.textContent = seconds < 2 ? "now" : `${seconds} seconds ago`;
  const stale = since > STALE_AFTER;
  if (stale && !wall.classList.contains("c-is-stale")) {
    says.textContent = "This page is not up to date.";
  }
  wall.classList.toggle("c-is-stale", stale);
}

// What each bay says, without percentages: a screen reader must not hear every one of them.
function states() {
  const found = new Map();
  for (const bay of wall.querySelectorAll("[data-bay]")) {
    found.set(bay.dataset.bay, { said: bay.dataset.said, look: bay.dataset.look });
  }
  for (const incident of wall.querySelectorAll("[data-incident]")) {
    found.set(incident.dataset.incident, { said: incident.querySelector("h3").textContent.trim(), look: "incident" });
  }
  return found;
}

function readOut() {
  const now = states();
  const lines = [];
  for (const [name, { said, look }] of now) {
    if (before.get(name)?.said === said) continue;
    if (look === "incident") lines.push(`New incident: ${said}.`);
    else if (look === "safe" || look === "stop") lines.push(`${name}: ${said}.`);
  }
  if (lines.length > 0) says.textContent = lines.slice(0, 3).join(" ");
  else if (says.textContent === "This page is not up to date.") says.textContent = "";
  before = now;
}
