// Lines of the log, the newest first; a line opens to its labels.

import { el, visible } from "../dom.js";
import { clock, exact } from "../times.js";

const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"];

export function draw(body, { model, lines, board }) {
  const told = lines.slice(0, 500);
  const list = el("ol", { class: "loglines" }, told.map((line) => row(line, board)));
  body.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": model.title }, list));
  return { table: null };
}

function row(line, board) {
  const level = LEVELS.find((one) => (line.labels.level ?? line.labels.detected_level ?? "").toLowerCase().startsWith(one.slice(0, 4))) ?? "";
  const details = el("details", { "data-level": level }, el("summary", {},
    el("time", {}, clock(line.at)),
    el("b", {}, level), el("bdi", {}, visible(line.body))));
  // Most lines are never opened.
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(more(line, board)); });
  return el("li", {}, details);
}

function more(line, board) {
  const names = Object.keys(line.labels).sort();
  return el("div", { class: "line-more" },
    el("p", {}, exact(line.at)),
    el("dl", {}, names.map((name) => el("div", {}, el("dt", {}, name), el("dd", {}, visible(line.labels[name]))))),
    el("p", {}, el("a", { href: board.around(line.at) }, "Lines around this moment")));
}
