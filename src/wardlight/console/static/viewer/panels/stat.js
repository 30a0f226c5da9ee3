// One number each, large; with a small curve where the board wants one.

import { el, svg, visible } from "../dom.js";
import { reduced } from "../frames.js";
import { colour, configured, faded, look } from "../looks.js";

export function draw(body, { model, series }) {
  const options = model.options ?? {};
  const how = options.reduceOptions?.calcs?.[0];
  const figures = series.map((one) => {
    const config = configured(model.fieldConfig, one.name, one.ref);
    return { one, name: config.displayName ?? one.name, shown: look(config, reduced(one.values, how)) };
  });
  body.replaceChildren(el("ul", { class: "stats" }, figures.map((it) => stat(it, options, series.length > 1))));
  return { table: () => ({ heads: ["Name", "Value"], rows: figures.map(({ name, shown }) => [name || model.title, shown.text]) }) };
}

function stat({ one, name, shown }, options, named) {
  const tint = colour(shown.colour);
  const filled = options.colorMode === "background" && shown.colour !== "text";
  const figure = el("span", { class: "figure" }, visible(shown.figure), shown.sign ? el("small", {}, shown.sign === "%" ? "%" : ` ${shown.sign}`) : "");
  return el("li", { class: filled ? "stat filled" : "stat", vars: { "--tint": tint, "--wash": faded(tint, 0.14) } },
    named && name ? el("span", { class: "name" }, visible(name)) : "", figure,
    options.graphMode === "area" && !one.instant ? curve(one.values) : "");
}

function curve(values) {
  const there = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...there), Math.max(...there)];
  const height = high - low || 1;
  const points = values.map((value, at) => (value === null ? null : `${((at / (values.length - 1 || 1)) * 100).toFixed(2)},${(29 - ((value - low) / height) * 27).toFixed(2)}`)).filter(Boolean);
  if (points.length < 2) return "";
  const line = `M${points.join("L")}`;
  const area = `${line}L${points.at(-1).split(",")[0]},30L${points[0].split(",")[0]},30Z`;
  return svg("svg", { class: "curve", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { class: "area", d: area }), svg("path", { class: "line", d: line }));
}
