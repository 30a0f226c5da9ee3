// How values spread over time: a column for each moment, a row for each bucket, the darker the more.

import { el } from "../dom.js";
import { colour, faded } from "../looks.js";
import { plot, timeAxis, valueAxis } from "../plot.js";
import { clock, exact } from "../times.js";
import { written } from "../units.js";

export function draw(body, context) {
  const { model, range, board } = context;
  const place = el("div", { class: "chart", role: "img" });
  body.replaceChildren(el("div", { class: "frame" }, place));
  let now = prepared(context);
  const told = () => place.setAttribute("aria-label", `${model.title}. Heat map; most often ${now.fullest()}.`);
  const drawn = plot(place, {
    board, range, pinned: (at) => board.links(model, at),
    series: [{}, { show: true, stroke: "transparent", points: { show: false } }],
    axes: [timeAxis(), valueAxis((_, splits) => splits.map((at) => (at > 0 && at <= now.names.length ? now.names[at - 1] : "")), { splits: () => spread(now.names.length) })],
    scales: { y: { range: () => [0, Math.max(now.names.length, 1)] } },
    hooks: { drawAxes: [(u) => cells(u, now)] },
    tip: (at, { top }) => {
      const row = Math.floor(drawn.u.posToVal(top, "y"));
      return now.cells[row] ? [el("p", {}, exact(now.times[at]).slice(0, 19)), el("p", {}, `up to ${now.names[row]}: `, el("b", {}, written(now.cells[row][at], "short")))] : null;
    },
  }, now.data);
  told();
  return {
    size: drawn.size, close: drawn.close,
    update(fresh) { now = prepared(fresh); drawn.renew(now.data, fresh.range); told(); return true; },
    table: () => ({ heads: ["Time", ...now.names.map((name) => `up to ${name}`)], rows: now.times.map((at, place) => [clock(at), ...now.cells.map((row) => written(row[place], "short"))]).reverse() }),
  };
}

const spread = (rows) => Array.from({ length: rows + 1 }, (_, at) => at).filter((at) => rows <= 8 || (rows - at) % Math.ceil(rows / 8) === 0);
const edge = (one) => (one.labels.le === "+Inf" ? Infinity : Number(one.labels.le ?? one.name));

function prepared({ model, series }) {
  const buckets = [...series].sort((a, b) => edge(a) - edge(b));
  const unit = model.options?.yAxis?.unit ?? model.fieldConfig?.defaults?.unit ?? "short";
  // Buckets are cumulative: each has the smaller ones in it.
  const all = buckets.map((one, at) => one.values.map((value, place) => (value === null ? null : Math.max(0, value - (at ? buckets[at - 1].values[place] ?? 0 : 0)))));
  const filled = all.map((row) => row.some((value) => value > 0));
  const [first, last] = [Math.max(0, filled.indexOf(true) - 1), filled.lastIndexOf(true) + 2];
  const cells = all.slice(first, last);
  const names = buckets.slice(first, last).map((one) => (edge(one) === Infinity ? "∞" : written(edge(one), unit)));
  const times = series[0]?.times ?? [];
  const most = Math.max(...cells.flat().filter((value) => value !== null), 0);
  const totals = cells.map((row) => row.reduce((sum, value) => sum + (value ?? 0), 0));
  return { cells, names, times, most, data: [times, times.map(() => 0)], fullest: () => (names.length ? `up to ${names[totals.indexOf(Math.max(...totals))]}` : "nothing") };
}

function cells(u, { cells: rows, times, most }) {
  if (!most || times.length < 2) return;
  const { ctx } = u;
  const tint = colour("blue");
  const wide = Math.ceil(u.valToPos(times[1], "x", true) - u.valToPos(times[0], "x", true));
  const shades = Array.from({ length: 33 }, (_, at) => faded(tint, 0.08 + (0.92 * at) / 32));
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  rows.forEach((row, at) => {
    const [top, bottom] = [u.valToPos(at + 1, "y", true), u.valToPos(at, "y", true)];
    row.forEach((value, place) => {
      if (!value) return;
      ctx.fillStyle = shades[Math.round(Math.sqrt(value / most) * 32)];
      ctx.fillRect(Math.round(u.valToPos(times[place], "x", true)) - wide, top + 1, wide, bottom - top - 1);
    });
  });
  ctx.restore();
}
