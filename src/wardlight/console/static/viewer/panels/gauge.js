// A value within its bounds, as an arc.

import { el, svg, visible } from "../dom.js";
import { reduced } from "../frames.js";
import { colour, configured, look } from "../looks.js";

const START = -210, SWEEP = 240;

function arc(radius, from, to) {
  const at = (share) => {
    const angle = ((START + SWEEP * share) * Math.PI) / 180;
    return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(50 + radius * Math.sin(angle)).toFixed(2)}`;
  };
  return `M${at(from)}A${radius} ${radius} 0 ${(to - from) * SWEEP > 180 ? 1 : 0} 1 ${at(to)}`;
}

export function draw(body, { model, series }) {
  const figures = series.map((one) => {
    const config = configured(model.fieldConfig, one.name, one.ref);
    const value = reduced(one.values, model.options?.reduceOptions?.calcs?.[0]);
    return { name: one.name, config, value, shown: look(config, value) };
  });
  body.replaceChildren(el("ul", { class: "gauges" }, figures.map((it) => gauge(it, series.length > 1))));
  return { table: () => ({ heads: ["Name", "Value"], rows: figures.map(({ name, shown }) => [name || model.title, shown.text]) }) };
}

function gauge({ name, config, value, shown }, named) {
  const low = config.min ?? 0, high = config.max ?? (config.unit === "percent" ? 100 : 1);
  const share = (at) => Math.min(1, Math.max(0, (at - low) / (high - low || 1)));
  const steps = config.thresholds?.steps ?? [];
  const bands = steps.map((step, at) => [step.value === null ? 0 : share(step.value), at + 1 < steps.length ? share(steps[at + 1].value) : 1, step.color]);
  return el("li", { class: "gauge", vars: { "--tint": colour(shown.colour) } },
    svg("svg", { viewBox: "0 0 100 78", "aria-hidden": "true" },
      svg("path", { class: "ground", d: arc(38, 0, 1) }),
      value === null || share(value) === 0 ? "" : svg("path", { class: "level", d: arc(38, 0, share(value)) }),
      bands.filter(([from, to]) => to > from).map(([from, to, name]) => svg("path", { class: "band", d: arc(46, from, to), stroke: colour(name) })),
      svg("text", { x: 50, y: 55, class: "figure" }, shown.text)),
    el("span", { class: named ? "name" : "hidden" }, visible(named ? name : shown.text)));
}
