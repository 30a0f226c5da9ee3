// Curves, areas and bars over time.

import { el, visible } from "../dom.js";
import { reduced } from "../frames.js";
import { colour, configured, faded, seriesColour } from "../looks.js";
import { plot, timeAxis, valueAxis } from "../plot.js";
import { clock, exact } from "../times.js";
import { written } from "../units.js";

const CALLED = { lastNotNull: "last", last: "last", mean: "mean", max: "max", min: "min", sum: "total", firstNotNull: "first", first: "first" };

export function draw(body, context) {
  const { model, range, board } = context;
  const place = el("div", { class: "chart", role: "img" });
  const legend = el("ul", { class: "legend" });
  let now = prepared(context), solo = null;

  body.replaceChildren(el("div", { class: "frame" }, place), model.options?.legend?.showLegend === false ? "" : legend);
  const text = (value) => written(value, now.unit, now.decimals);

  function told() {
    place.setAttribute("aria-label", described(model, now));
    legend.replaceChildren(...now.curves.map((one, at) => el("li", {}, el("button", { type: "button", "aria-pressed": String(solo === null || solo === at), vars: { "--tint": one.tint }, onclick: () => alone(at) },
      el("span", { class: "dash", "aria-hidden": "true" }), visible(one.name || model.title), figures(one)))));
  }

  function figures(one) {
    const calcs = model.options?.legend?.calcs ?? [];
    return calcs.map((how) => el("span", { class: "said" }, ` ${CALLED[how] ?? how} ${text(reduced(one.values, how))}`));
  }

  function alone(at) {
    solo = solo === at ? null : at;
    now.curves.forEach((_, one) => drawn.u.setSeries(now.place(one), { show: solo === null || solo === one }));
    told();
    legend.querySelectorAll("button")[at].focus();
  }

  function tip(at, { left }) {
    const rows = now.curves.filter((one, place) => one.values[at] !== null && (solo === null || solo === place)).sort((a, b) => b.values[at] - a.values[at]);
    const marks = board.marks.filter((mark) => Math.abs(drawn.u.valToPos(mark.at, "x") - left) < 5);
    return [el("p", {}, exact(now.times[at]).slice(0, 19)),
      el("ul", {}, rows.slice(0, 12).map((one) => el("li", { vars: { "--tint": one.tint } }, el("span", { class: "dash" }), el("span", {}, visible(one.name || model.title)), el("b", {}, text(one.values[at])))), rows.length > 12 ? el("li", { class: "said" }, `and ${rows.length - 12} more`) : ""),
      ...marks.map((mark) => el("p", { class: "event" }, `${mark.kind}: ${visible(mark.text)}`))];
  }

  told();
  const drawn = plot(place, {
    board, range, tip, pinned: (at) => board.links(model, at),
    series: [{}, ...now.drawn.map(({ at }) => stroke(now.curves[at], now))], bands: now.bands,
    axes: [timeAxis(), valueAxis((_, splits) => splits.map(text), steps(now.unit))],
    scales: { y: { range: (_, low, high) => bounds(now.config, low, high) } },
    hooks: { draw: [(u) => thresholds(u, now.config), (u) => marks(u, board.marks)] },
  }, now.data);
  return {
    size: drawn.size, close: drawn.close, redraw: () => drawn.u.redraw(false),
    update(fresh) {
      const then = prepared(fresh);
      if (then.key !== now.key) return false;
      now = then;
      drawn.renew(now.data, fresh.range);
      told();
      return true;
    },
    table: () => ({ heads: ["Time", ...now.curves.map((one) => one.name || model.title)], rows: now.times.map((at, place) => [clock(at), ...now.curves.map((one) => text(one.values[place]))]).reverse(),
      notes: board.marks.map((mark) => `${clock(mark.at)} ${mark.kind}: ${mark.text}`) }),
  };
}

function prepared({ model, series }) {
  const config = configured(model.fieldConfig, "", "");
  const curves = series.map((one, at) => {
    const own = configured(model.fieldConfig, one.name, one.ref);
    return { name: own.displayName ?? one.name, values: one.values, own, tint: seriesColour(own, at) };
  });
  const custom = config.custom ?? {};
  const stacked = custom.stacking?.mode === "normal" || custom.stacking?.mode === "percent";
  const order = curves.map((_, at) => at);
  // Bars of a stack reach down to zero: the highest is drawn first, the others over it.
  const reversed = stacked && custom.drawStyle === "bars";
  if (reversed) order.reverse();
  const heights = stacked ? piled(curves) : curves.map((one) => one.values);
  const times = series[0]?.times ?? [];
  return {
    config, curves, times, custom, stacked, unit: config.unit, decimals: config.decimals ?? undefined,
    drawn: order.map((at) => ({ at })), place: (one) => order.indexOf(one) + 1,
    data: [times, ...order.map((at) => heights[at])],
    bands: stacked && !reversed ? curves.slice(1).map((one, at) => ({ series: [at + 2, at + 1], fill: faded(one.tint, (custom.fillOpacity ?? 0) / 100) })) : [],
    key: JSON.stringify([curves.map((one) => one.name), stacked]),
  };
}

function piled(curves) {
  let under = null;
  return curves.map(({ values }) => {
    under = values.map((value, at) => (under ? (value === null ? under[at] : (under[at] ?? 0) + value) : value));
    return under;
  });
}

function stroke(one, { custom: all, stacked }) {
  const custom = { ...all, ...one.own.custom };
  const bars = custom.drawStyle === "bars";
  const paths = bars ? window.uPlot.paths.bars({ size: [0.85, 24], align: 0 }) : custom.lineInterpolation?.startsWith("step") ? window.uPlot.paths.stepped({ align: custom.lineInterpolation === "stepBefore" ? -1 : 1 }) : undefined;
  const share = (custom.fillOpacity ?? 0) / 100;
  return {
    label: one.name, stroke: one.tint, width: bars ? 0 : Math.max(custom.lineWidth ?? 1, 1) * 1.25, paths,
    fill: bars ? (stacked ? one.tint : faded(one.tint, Math.max(share, 0.7))) : share ? faded(one.tint, share) : undefined,
    dash: custom.lineStyle?.fill === "dash" ? custom.lineStyle.dash ?? [6, 4] : undefined, spanGaps: custom.spanNulls === true,
    points: { show: !bars, size: 4, fill: one.tint, width: 0, filter: lonely },
  };
}

/** Points without neighbours, which no line would show. */
function lonely(u, at) {
  const values = u.data[at];
  return values.flatMap((value, place) => (value !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null ? [place] : []));
}

/** Bytes are counted in powers of two. */
function steps(unit) {
  return unit === "bytes" || unit === "binBps" ? { incrs: Array.from({ length: 50 }, (_, at) => 2 ** at) } : {};
}

function bounds(config, low, high) {
  if (low === null || high === null) return [config.min ?? 0, config.max ?? 1];
  const [from, to] = window.uPlot.rangeNum(low, low === high ? low + (Math.abs(low) || 1) : high, { min: { pad: 0.1, soft: 0, mode: 2 }, max: { pad: 0.1, soft: 0, mode: 2 } });
  const bottom = config.min ?? from;
  return [bottom, Math.max(config.max ?? to, bottom + 1e-9)];
}

function thresholds(u, config) {
  const mode = config.custom?.thresholdsStyle?.mode ?? "off";
  if (mode === "off") return;
  const { ctx, bbox } = u;
  ctx.save();
  for (const step of (config.thresholds?.steps ?? []).filter((one) => one.value !== null)) {
    const y = u.valToPos(step.value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = colour(step.color);
    ctx.setLineDash(mode === "line" ? [] : [6 * devicePixelRatio, 4 * devicePixelRatio]);
    rule(ctx, bbox.left, y, bbox.left + bbox.width, y);
  }
  ctx.restore();
}

function marks(u, found) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of found) {
    const tint = colour(mark.colour);
    ctx.strokeStyle = tint;
    const at = u.valToPos(mark.at, "x", true);
    if (mark.until) {
      const [from, to] = [Math.max(at, bbox.left), Math.min(u.valToPos(mark.until, "x", true), bbox.left + bbox.width)];
      ctx.fillStyle = faded(tint, 0.12);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    if (at >= bbox.left && at <= bbox.left + bbox.width) rule(ctx, at, bbox.top, at, bbox.top + bbox.height);
  }
  ctx.restore();
}

function rule(ctx, x0, y0, x1, y1) {
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function described(model, { curves, unit, decimals }) {
  const text = (value) => written(value, unit, decimals);
  const each = curves.slice(0, 8).map((one) => `${one.name || model.title}: now ${text(reduced(one.values))}, at most ${text(reduced(one.values, "max"))}`);
  return `${model.title}. Graph of ${curves.length} ${curves.length === 1 ? "curve" : "curves"}. ${each.join("; ")}.`;
}
