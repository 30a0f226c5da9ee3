// A bar for each value.

import { el, visible } from "../dom.js";
import { reduced } from "../frames.js";
import { colour, configured, look } from "../looks.js";

export function draw(body, { model, series }) {
  const figures = series.map((one) => {
    const config = configured(model.fieldConfig, one.name, one.ref);
    const value = reduced(one.values, model.options?.reduceOptions?.calcs?.[0]);
    return { name: one.name || model.title, config, value, shown: look(config, value) };
  });
  const most = Math.max(...figures.map(({ value }) => value ?? 0), 0) || 1;
  body.replaceChildren(el("dl", { class: "levels" }, figures.map((it) => bar(it, most))));
  return { table: () => ({ heads: ["Name", "Value"], rows: figures.map(({ name, shown }) => [name, shown.text]) }) };
}

function bar({ name, config, value, shown }, most) {
  const low = config.min ?? 0, high = config.max ?? most;
  const share = Math.min(1, Math.max(0, ((value ?? low) - low) / (high - low || 1)));
  return el("div", { vars: { "--tint": colour(shown.colour), "--share": `${(share * 100).toFixed(1)}%` } },
    el("dt", {}, visible(name)), el("dd", { class: "bar", "aria-hidden": "true" }, el("span")), el("dd", {}, shown.text));
}
