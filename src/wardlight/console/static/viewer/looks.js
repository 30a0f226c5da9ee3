// How values look: overrides, mappings, thresholds, colours, by Grafana's field configuration.

import { apart, written } from "./units.js";

const NAMES = { green: "--good", red: "--bad", orange: "--warning", blue: "--info", yellow: "--yellow", purple: "--purple", text: "--text", gray: "--soft", grey: "--soft" };
const PALETTE = 10;

/** A colour of the page by Grafana's name; as a canvas and a drawing take it. */
export function colour(name) {
  const plain = (name ?? "text").replace(/^(super-light|light|semi-dark|dark)-/, "");
  if (plain === "transparent") return "transparent";
  const variable = plain in NAMES ? NAMES[plain] : /^\d+$/.test(plain) ? `--series-${Number(plain) % PALETTE}` : null;
  return variable ? getComputedStyle(document.documentElement).getPropertyValue(variable).trim() : plain;
}

/** The same colour, to a share of its strength; ours are written #rgb or #rrggbb. */
export function faded(value, share) {
  if (!/^#([\da-f]{3}|[\da-f]{6})$/i.test(value)) return value;
  const full = value.length === 4 ? `#${[...value.slice(1)].map((it) => it + it).join("")}` : value;
  return full + Math.round(share * 255).toString(16).padStart(2, "0");
}

/** The configuration of one field: defaults, and what overrides say of its name. */
export function configured(fieldConfig, name, ref) {
  const found = structuredClone(fieldConfig?.defaults ?? {});
  for (const { matcher, properties } of fieldConfig?.overrides ?? []) {
    if (matches(matcher, name, ref)) for (const { id, value } of properties) put(found, id.split("."), value);
  }
  return found;
}

function matches({ id, options }, name, ref) {
  if (id === "byName") return options === name;
  if (id === "byRegexp") return new RegExp(options.replace(/^\/|\/$/g, "")).test(name);
  return id === "byFrameRefID" && options === ref;
}

function put(target, [first, ...rest], value) {
  if (rest.length) put((target[first] ??= {}), rest, value);
  else target[first] = value;
}

function mapped(config, value) {
  for (const { type, options } of config.mappings ?? []) {
    if (type === "value" && String(value) in options) return options[String(value)];
    if (type === "range" && value !== null && (options.from === null || value >= options.from) && (options.to === null || value <= options.to)) return options.result;
    if (type === "special" && options.match === "null" && value === null) return options.result;
    if (type === "regex" && new RegExp(options.pattern.replace(/^\/|\/$/g, "")).test(String(value))) return options.result;
  }
  return null;
}

/** The threshold that a value is in: Grafana's name of its colour. */
export function threshold(config, value) {
  const { mode, steps = [] } = config.thresholds ?? {};
  const low = config.min ?? 0, high = config.max ?? 1;
  const at = mode === "percentage" ? ((value - low) / (high - low)) * 100 : value;
  return steps.filter((one) => one.value === null || (value !== null && at >= one.value)).at(-1)?.color ?? "text";
}

/** A value as it is shown: its parts, its colour by name, and in one. */
export function look(config, value) {
  const map = mapped(config, value);
  const text = map?.text ?? (value === null && config.noValue) ?? null;
  const [figure, sign] = text ? [text, ""] : typeof value === "string" ? [value, ""] : apart(value, config.unit, config.decimals ?? undefined);
  return {
    figure, sign, colour: map?.color ?? (config.color?.mode === "fixed" ? config.color.fixedColor : threshold(config, value)),
    text: text || (typeof value === "string" ? value : written(value, config.unit, config.decimals ?? undefined)),
  };
}

/** The colour of a series. */
export const seriesColour = (config, at) => colour(config.color?.mode === "fixed" ? config.color.fixedColor : String(at));
