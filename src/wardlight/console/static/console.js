// Renews the page every two seconds, says when it can't, and writes times in the reader's zone on request.
"use strict";

const live = document.getElementById("live");
const link = document.getElementById("link");
const button = document.getElementById("zone");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
const shown = new Map();
let local = recall() === "local";
let renewed = new Date();

function recall(choice) {
  try {
    if (choice) localStorage.setItem("zone", choice);
    return localStorage.getItem("zone");
  } catch { return choice; }
}

function written(at, utc) {
  if (!local) return utc;
  const sameDay = at.toDateString() === new Date().toDateString();
  return sameDay ? at.toLocaleTimeString("en-GB") : at.toLocaleDateString("en-CA") + " " + at.toLocaleTimeString("en-GB").slice(0, 5);
}

function stamp() {
  return written(renewed, renewed.toISOString().slice(11, 19) + " UTC");
}

function setTimes() {
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.dataset.utc ??= time.textContent;
    time.textContent = written(at, time.dataset.utc);
    time.title = local ? at.toISOString() : at.toLocaleString() + " " + zone;
  }
  button.textContent = local ? "Times in " + zone : "Times in UTC";
  button.setAttribute("aria-pressed", String(local));
}

function put(text) {
  const sections = new DOMParser().parseFromString(text, "text/html").querySelectorAll("section");
  for (const fresh of sections) {
    const old = document.getElementById(fresh.id);
    const busy = old.contains(document.activeElement) || (!getSelection().isCollapsed && getSelection().containsNode(old, true));
    if (busy || shown.get(fresh.id) === fresh.outerHTML) continue;
    shown.set(fresh.id, fresh.outerHTML);
    old.className = fresh.className;
    old.replaceChildren(...fresh.childNodes);
  }
}

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/console/live", { signal: AbortSignal.timeout(8000), cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    put(await answer.text());
    renewed = new Date();
    document.body.classList.remove("lost");
    link.textContent = "live, as of " + stamp();
  } catch {
    document.body.classList.add("lost");
    link.textContent = "Connection lost: this is how it was at " + stamp();
  }
  document.title = document.getElementById("headline").textContent.trim() + " – Wardlight";
  setTimes();
}

async function keep() {
  await renew();
  setTimeout(keep, 2000);
}

button.hidden = false;
button.addEventListener("click", () => { local = !local; recall(local ? "local" : "utc"); setTimes(); });
document.addEventListener("visibilitychange", renew);
keep();
