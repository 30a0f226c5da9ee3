// What every page has: times in the reader's zone with UTC at hand, and keys.

// Made once: thousands of times may come at once.
const dayOf = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });
const timeOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const name = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
const zoneButton = document.getElementById("zone");
const dialog = document.getElementById("keys");
let local = stored("zone") !== "utc";

function stored(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function store(key, value) {
  try { localStorage.setItem(key, value); } catch { /* it is then forgotten with the page */ }
}

/** Write a moment as its place asks: "exact" to the millisecond, "minute", else short: without the day if it is today. */
function written(at, form) {
  const [day, time] = [dayOf.format(at), timeOf.format(at)];
  if (form === "exact") return `${day} ${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  if (form === "minute") return `${day} ${time.slice(0, 5)}`;
  return day === dayOf.format(new Date()) ? time : `${day} ${time.slice(0, 5)}`;
}

function setTime(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) return;
  time.dataset.utc ??= time.textContent;
  const text = local ? written(at, time.dataset.form) : time.dataset.utc;
  if (time.textContent !== text) time.textContent = text;
  time.title = local ? `${at.toISOString()} (UTC)` : `${dayOf.format(at)} ${timeOf.format(at)} (${name})`;
}

function setTimes(root) {
  root.querySelectorAll("time[datetime]").forEach(setTime);
  for (const zone of root.querySelectorAll(".zone")) zone.textContent = local ? name : "UTC";
}

/** Say the present moment, or another, as short times are said here. */
export function clock(at = new Date()) {
  return local ? written(at) : `${at.toISOString().slice(11, 19)} UTC`;
}

function turn() {
  local = !local;
  store("zone", local ? "local" : "utc");
  show();
  document.dispatchEvent(new Event("zone"));
}

function show() {
  zoneButton.textContent = local ? `Times in ${name}` : "Times in UTC";
  setTimes(document);
}

zoneButton.hidden = false;
zoneButton.addEventListener("click", turn);
show();
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (node.matches("time[datetime]")) setTime(node);
      setTimes(node);
    }
  }
}).observe(document.querySelector("main"), { childList: true, subtree: true });

// Keys. They can be turned off (WCAG 2.1.4), and are off while one writes.

const switchBox = document.getElementById("keys-on");
const goes = new Map();
let waiting = 0;

function isWriting(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || isWriting(event.target)) return;
  if (event.key === "?") {
    dialog.open ? dialog.close() : dialog.showModal();
  } else if (!switchBox.checked || dialog.open) {
    return;
  } else if (Date.now() - waiting < 1500 && goes.has(event.key)) {
    location.href = goes.get(event.key);
  } else if (event.key === "/") {
    const field = document.querySelector("main input:not([type=hidden]):not([type=checkbox])");
    if (!field) return;
    field.focus();
    field.select();
  } else if (event.key === "z") {
    turn();
  } else {
    waiting = event.key === "g" ? Date.now() : 0;
    return;
  }
  waiting = 0;
  event.preventDefault();
}

for (const item of dialog.querySelectorAll("[data-key]")) {
  const address = item.querySelector("a").getAttribute("href");
  goes.set(item.dataset.key, address);
}
switchBox.checked = stored("keys") !== "off";
switchBox.addEventListener("change", () => store("keys", switchBox.checked ? "on" : "off"));
document.getElementById("show-keys").hidden = false;
document.getElementById("show-keys").addEventListener("click", () => dialog.showModal());
document.addEventListener("keydown", pressed);
