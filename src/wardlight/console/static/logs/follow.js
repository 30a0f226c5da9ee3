// New lines as they come, on top; a lost connection says so, and is opened again.

import { chunks, count } from "./rows.js";

const answer = document.getElementById("answer");
const rows = document.getElementById("rows");
const button = document.getElementById("follow");
const says = document.getElementById("tailing");
const asked = new URLSearchParams(answer.dataset.asked);
const most = Number(answer.dataset.most);
const FULL = 150;
let events = null;
let since = answer.dataset.until;
let lost = 0;

function put(text) {
  const fresh = [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("li.row")];
  if (!fresh.length) return;
  document.getElementById("none")?.remove();
  const newest = rows.firstElementChild;
  if (newest.children.length < FULL) newest.prepend(...fresh);
  else rows.prepend(...chunks(fresh));
  while (count() > most) rows.lastElementChild.remove();
}

function say() {
  const away = events && lost && Date.now() - lost > 3000;
  says.className = away ? "lost" : "";
  const text = !events ? "" : away ? "Connection lost: trying again" : "following";
  if (says.textContent !== text) says.textContent = text;
}

function start() {
  events = new EventSource("/logs/tail?" + new URLSearchParams({ query: asked.get("query"), since }));
  events.onmessage = (event) => {
    lost = 0;
    since = event.lastEventId || since;
    put(event.data);
    say();
  };
  events.addEventListener("still", () => {
    lost = 0;
    say();
  });
  events.addEventListener("problem", (event) => {
    stop();
    says.textContent = event.data;
  });
  events.onerror = () => {
    lost ||= Date.now();
    if (events?.readyState === EventSource.CLOSED) setTimeout(() => events && start(), 5000);
  };
  button.textContent = "Stop following";
  button.setAttribute("aria-pressed", "true");
}

function stop() {
  events.close();
  events = null;
  lost = 0;
  button.textContent = "Follow";
  button.setAttribute("aria-pressed", "false");
}

if (button && asked.has("since")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    events ? stop() : start();
    say();
  });
  setInterval(say, 1000);
}
