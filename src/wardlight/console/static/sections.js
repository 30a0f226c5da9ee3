// Putting fresh sections in the place of those of the page; what somebody works with is left alone.
import { clock } from "./common.js";

const link = document.getElementById("link");
const shown = new WeakMap();
let renewed = new Date();

function busy(section) {
  const selection = getSelection();
  return section.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(section, true));
}

function replace(old, fresh) {
  if (busy(old) || shown.get(old) === fresh.outerHTML) return;
  shown.set(old, fresh.outerHTML);
  old.className = fresh.className;
  old.replaceChildren(...fresh.childNodes);
}

/** Show the sections of a page's text. */
export function put(text) {
  const fresh = [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("section")];
  const main = document.querySelector("main");
  const old = [...main.querySelectorAll(":scope > section")];
  if (old.length === fresh.length) old.forEach((section, at) => replace(section, fresh[at]));
  else if (!busy(main)) main.replaceChildren(...fresh);
}

/** Say how old the page is, in the place that it has for it. */
export function say(away) {
  document.body.classList.toggle("lost", away);
  link.ariaLive = away ? "assertive" : "off";
  link.textContent = (away ? "Connection lost: this is how it was at " : "live, ") + clock(renewed);
}

/** Note that what is shown is how it is now. */
export function fresh() {
  renewed = new Date();
  say(false);
}
