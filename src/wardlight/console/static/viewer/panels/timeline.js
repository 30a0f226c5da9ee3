// Which state each thing was in, and when.

import { el, visible } from "../dom.js";
import { colour, configured, faded, look } from "../looks.js";
import { clock, exact } from "../times.js";

export function draw(body, { model, series, range }) {
  const tracks = series.map((one) => {
    const config = configured(model.fieldConfig, one.name, one.ref);
    return { name: one.name || model.title, parts: stretches(one).map((part) => ({ ...part, shown: look(config, part.value) })) };
  });
  const long = range.to - range.from;
  const share = (ms) => `${(Math.min(1, Math.max(0, ms / long)) * 100).toFixed(3)}%`;
  body.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": model.title },
    el("dl", { class: "tracks" }, tracks.map((track) => el("div", {}, el("dt", {}, visible(track.name)), el("dd", {}, track.parts.map((part) => piece(part, share, range)), el("span", { class: "hidden" }, summary(track)))))),
    el("div", { class: "ticks", "aria-hidden": "true" }, el("i"), el("p", {}, [0, 0.25, 0.5, 0.75].map((at) => el("span", { vars: { left: `${at * 100}%` } }, clock(range.from + long * at).slice(0, 16).replace(/:\d\d$/, (it) => (long > 3e5 && long < 864e5 ? "" : it))))))));
  return { table: () => ({ heads: ["What", "From", "To", "State"], rows: tracks.flatMap(({ name, parts }) => parts.map((part) => [name, clock(part.from), clock(part.to), part.shown.text])) }) };
}

function piece({ from, to, shown }, share, range) {
  const tint = colour(shown.colour);
  return el("span", { class: "piece", title: `${shown.text}: ${exact(from).slice(0, 19)} to ${exact(to).slice(11, 19)}`, "aria-hidden": "true",
    vars: { left: share(from - range.from), width: share(to - from), "--tint": tint, "--wash": faded(tint, 0.55) } });
}

const summary = ({ parts }) => (parts.length ? `now ${parts.at(-1).shown.text}; ${parts.length - 1} changes` : "nothing known");

function stretches({ times, values }) {
  const found = [];
  const step = times.length > 1 ? times[1] - times[0] : 0;
  times.forEach((at, place) => {
    const value = values[place];
    const last = found.at(-1);
    if (value === null) return;
    if (last && last.value === value && last.to >= at) last.to = at + step;
    else found.push({ value, from: at, to: at + step });
  });
  return found;
}
