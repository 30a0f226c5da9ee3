// Renews the overview as the server tells it, and says when it can't.
import { fresh, put, say } from "./sections.js";

const PATIENCE = 3000;
let lost = 0;

function heard() {
  lost = 0;
  fresh();
}

function follow() {
  const events = new EventSource("/console/live");
  events.onmessage = (event) => {
    put(event.data);
    document.title = document.getElementById("headline").textContent.trim() + " – Wardlight";
    heard();
  };
  events.addEventListener("still", heard);
  events.onerror = () => {
    lost ||= Date.now();
    // The browser tries again by itself, unless it was told to stop.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
  };
}

follow();
setInterval(() => lost && Date.now() - lost > PATIENCE && say(true), 1000);
