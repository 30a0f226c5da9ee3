// What all drawings over time share: uPlot with our axes, zoom, a shared cross-hair, a tip at the pointer.

import { el } from "./dom.js";
import { colour } from "./looks.js";
import { exact, local } from "./times.js";

const FONT = '11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';

/** An axis of time below, without Americans' hours. */
export function timeAxis() {
  return {
    stroke: colour("grey"), font: FONT, size: 26, gap: 4, space: 64,
    grid: { stroke: line(), width: 1 }, ticks: { show: false },
    values: (_, splits, __, ___, step) => splits.map((at) => label(at, step)),
  };
}

export function valueAxis(values, more = {}) {
  return {
    stroke: colour("grey"), font: FONT, gap: 6, space: 28, grid: { stroke: line(), width: 1 }, ticks: { show: false }, values,
    size: (_, texts) => Math.ceil(Math.max(...(texts ?? [""]).map((text) => String(text).length)) * 6.2) + 14, ...more,
  };
}

const line = () => getComputedStyle(document.documentElement).getPropertyValue("--line").trim();

function label(at, step) {
  const text = exact(at);
  if (step >= 864e5 || text.slice(11, 19) === "00:00:00") return text.slice(5, 10);
  return step < 6e4 ? text.slice(11, 19) : text.slice(11, 16);
}

/** Make a plot in `place`; `tip(at, position)` tells what stands at the pointer, `pinned(at)` what a click adds. */
export function plot(place, { board, range, series, axes, scales, bands, hooks = {}, tip, pinned }, data) {
  if (!window.uPlot) throw new Error("the library that draws is not installed: script/assets puts it into place");
  const bubble = el("div", { class: "tip", hidden: true });
  place.after(bubble);
  let over = false, held = false;

  function show(u) {
    if (held) return;
    const found = over && u.cursor.idx !== null && u.cursor.left >= 0 ? tip(u.cursor.idx, u.cursor) : null;
    bubble.hidden = !found;
    if (found) put(u, found);
  }

  function put(u, found) {
    bubble.replaceChildren(...found);
    const wide = place.clientWidth, at = u.cursor.left + u.bbox.left / devicePixelRatio;
    const right = at < wide / 2;
    bubble.style.left = right ? `${at + 14}px` : "auto";
    bubble.style.right = right ? "auto" : `${wide - at + 14}px`;
    bubble.style.top = `${Math.max(0, Math.min(u.cursor.top - 20, place.clientHeight - bubble.offsetHeight))}px`;
  }

  function hold(u) {
    if (u.cursor.idx === null) return;
    held = !held;
    bubble.classList.toggle("held", held);
    if (held) { bubble.hidden = false; put(u, [...tip(u.cursor.idx, u.cursor), ...(pinned?.(data[0][u.cursor.idx]) ?? [])]); } else show(u);
  }

  const options = {
    width: Math.max(place.clientWidth, 60), height: Math.max(place.clientHeight, 60), ms: 1, series, axes, bands, padding: [8, 8, 0, 0],
    tzDate: (at) => (local() ? new Date(at) : window.uPlot.tzDate(new Date(at), "Etc/UTC")),
    scales: { x: { time: true, range: () => [u?.shown?.from ?? range.from, u?.shown?.to ?? range.to] }, ...scales },
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false, dist: 6 }, sync: { key: board.uid }, points: { size: 6 }, focus: { prox: 24 } },
    focus: { alpha: 0.35 },
    hooks: { ...hooks, setCursor: [show], setSelect: [(it) => chosen(it, board)] },
  };
  let u = null;
  u = new window.uPlot(options, data, place);
  u.shown = range;
  u.over.addEventListener("mouseenter", () => { over = true; });
  u.over.addEventListener("mouseleave", () => { over = false; if (!held) bubble.hidden = true; });
  u.over.addEventListener("dblclick", () => board.zoomOut());
  let down = null;
  u.over.addEventListener("mousedown", (event) => { down = event.clientX; });
  u.over.addEventListener("click", (event) => { if (Math.abs(event.clientX - down) < 6) hold(u); });
  const gone = new AbortController();
  const release = (event) => {
    if (!held || place.contains(event.target) || (event.key ? event.key !== "Escape" : bubble.contains(event.target))) return;
    held = false;
    bubble.hidden = true;
  };
  document.addEventListener("pointerdown", release, { signal: gone.signal });
  document.addEventListener("keydown", release, { signal: gone.signal });
  return {
    u,
    renew(fresh, now) { range = now; u.shown = now; data = fresh; u.setData(fresh, true); },
    size() { u.setSize({ width: Math.max(place.clientWidth, 60), height: Math.max(place.clientHeight, 60) }); },
    close() { gone.abort(); u.destroy(); bubble.remove(); },
  };
}

function chosen(u, board) {
  if (u.select.width < 6) return;
  const [from, to] = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  board.zoom(Math.round(from), Math.round(to));
}
