// Renews the overview as the server tells it, and says when it can't.
import { clock } from "./common.js";

const link = document.getElementById("link");
const shown = new Map();
let renewed = new Date();
let lost = 0;

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

function say() {
  const away = lost && Date.now() - lost > 3000;
  document.body.classList.toggle("lost", Boolean(away));
  link.ariaLive = away ? "assertive" : "off";
  link.textContent = (away ? "Connection lost: this is how it was at " : "live, ") + clock(renewed);
}

function follow() {
  const events = new EventSource("/console/live");
  events.onmessage = (event) => {
    lost = 0;
    renewed = new Date();
    put(event.data);
    say();
  };
  events.addEventListener("still", () => {
    lost = 0;
    renewed = new Date();
    say();
  });
  events.onerror = () => {
    lost ||= Date.now();
    // The browser tries again by itself, unless it was told to stop.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
  };
  return events;
}

follow();
setInterval(say, 1000);
