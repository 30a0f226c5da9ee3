// Renews the page every two seconds, says when it can't, and writes times in the reader's zone on request.
"use strict";

const link = document.getElementById("link");
const button = document.getElementById("zone");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
const shown = new Map();
let local = localStorage.getItem("zone") === "local";
let renewed = new Date();

function written(at, utc) {
  if (!local) return utc;
  const [day, time] = [at.toLocaleDateString("en-CA"), at.toLocaleTimeString("en-GB")];
  return at.toDateString() === new Date().toDateString() ? time : day + " " + time.slice(0, 5);
}

function setTimes() {
  for (const time of document.querySelectorAll("main time")) {
    const at = new Date(time.dateTime);
    time.dataset.utc ??= time.textContent;
    time.textContent = written(at, time.dataset.utc);
    time.title = local ? at.toISOString() : at.toLocaleString() + " " + zone;
  }
  const last = written(renewed, renewed.toISOString().slice(11, 19) + " UTC");
  link.ariaLive = document.body.className ? "assertive" : "off";
  link.textContent = (document.body.className ? "Connection lost: this is how it was at " : "live, ") + last;
  button.textContent = local ? "Times in " + zone : "Times in UTC";
}

function put(text) {
  for (const fresh of new DOMParser().parseFromString(text, "text/html").querySelectorAll("section")) {
    const old = document.getElementById(fresh.id);
    const selection = getSelection();
    const busy = old.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(old, true));
    if (busy || shown.get(fresh.id) === fresh.outerHTML) continue;
    shown.set(fresh.id, fresh.outerHTML);
    old.className = fresh.className;
    old.replaceChildren(...fresh.childNodes);
  }
  document.title = document.getElementById("headline").textContent.trim() + " – Wardlight";
}

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/console/live", { signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(answer.statusText);
    put(await answer.text());
    renewed = new Date();
    document.body.className = "";
  } catch {
    document.body.className = "lost";
  }
  setTimes();
}

function turn() {
  local = !local;
  localStorage.setItem("zone", local ? "local" : "utc");
  setTimes();
}

button.hidden = false;
button.addEventListener("click", turn);
document.addEventListener("visibilitychange", renew);
renew().finally(function again() { setTimeout(() => renew().finally(again), 2000); });
