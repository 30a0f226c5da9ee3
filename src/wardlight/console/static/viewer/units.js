// Values as people read them, by Grafana's names of units.

import { exact, since } from "./times.js";

const scaled = (base, signs, after = "") => (value, decimals) => {
  let at = 0, left = value;
  while (Math.abs(left) >= base && at < signs.length - 1) { left /= base; at += 1; }
  return [number(left, decimals), `${signs[at]}${after}`];
};
const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const SI = ["B", "kB", "MB", "GB", "TB", "PB"];
const THOUSANDS = ["", "K", "Mil", "Bil", "Tri"];
const plain = (sign) => (value, decimals) => [number(value, decimals), sign];

function seconds(value, decimals) {
  const size = Math.abs(value);
  if (size === 0) return ["0", "s"];
  if (size < 1e-3) return [number(value * 1e6, decimals), "µs"];
  if (size < 1) return [number(value * 1e3, decimals), "ms"];
  if (size < 60) return [number(value, decimals), "s"];
  if (size < 3600) return [number(value / 60, decimals), "min"];
  if (size < 86400) return [number(value / 3600, decimals), "h"];
  if (size < 7 * 86400 * 4) return [number(value / 86400, decimals), "d"];
  return size < 365 * 86400 ? [number(value / 604800, decimals), "weeks"] : [number(value / 31536000, decimals), "years"];
}

function duration(value) {
  const found = [];
  let left = Math.round(Math.abs(value));
  for (const [name, long] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    if (left >= long && found.length < 2) { found.push(`${Math.floor(left / long)} ${name}`); left %= long; }
  }
  return [found.join(" ") || "0 s", ""];
}

const UNITS = {
  none: plain(""), short: scaled(1000, THOUSANDS), string: plain(""),
  percent: plain("%"), percentunit: (value, decimals) => [number(value * 100, decimals), "%"],
  bytes: scaled(1024, IEC), decbytes: scaled(1000, SI), binBps: scaled(1024, IEC, "/s"), Bps: scaled(1000, SI, "/s"),
  bits: scaled(1000, ["b", "kb", "Mb", "Gb", "Tb"]), bps: scaled(1000, ["b", "kb", "Mb", "Gb", "Tb"], "/s"),
  ns: (value, decimals) => seconds(value / 1e9, decimals), "µs": (value, decimals) => seconds(value / 1e6, decimals),
  ms: (value, decimals) => seconds(value / 1e3, decimals), s: seconds,
  m: (value, decimals) => seconds(value * 60, decimals), h: (value, decimals) => seconds(value * 3600, decimals),
  d: (value, decimals) => seconds(value * 86400, decimals),
  dtdurations: duration, dtdurationms: (value) => duration(value / 1000),
  dateTimeFromNow: (value) => [since(value), ""], dateTimeAsIso: (value) => [exact(value).slice(0, 19), ""],
};
const RATES = { ops: "ops/s", reqps: "req/s", rps: "reads/s", wps: "writes/s", iops: "io/s", cps: "/s", eps: "events/s", cpm: "/min", opm: "ops/min", reqpm: "req/min" };
for (const [name, sign] of Object.entries(RATES)) UNITS[name] = scaled(1000, ["", "K", "Mil", "Bil"].map((it) => `${it} ${sign}`.trim()));

function number(value, decimals) {
  const size = Math.abs(value);
  const wanted = decimals ?? (size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(size))));
  const text = value.toFixed(wanted);
  return decimals === undefined && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A value and its unit, apart: ["1.5", "MiB"]. */
export function apart(value, unit = "none", decimals = undefined) {
  if (value === null || value === undefined || Number.isNaN(value)) return ["–", ""];
  if (!Number.isFinite(value)) return [value > 0 ? "∞" : "−∞", ""];
  const custom = /^(suffix|prefix):(.*)$/.exec(unit);
  if (custom) return custom[1] === "suffix" ? [number(value, decimals), custom[2]] : [custom[2] + number(value, decimals), ""];
  return (UNITS[unit] ?? plain(unit))(value, decimals ?? undefined);
}

/** The same in one: "1.5 MiB". */
export function written(value, unit, decimals) {
  const [figure, sign] = apart(value, unit, decimals);
  return sign === "%" ? figure + sign : sign ? `${figure} ${sign}` : figure;
}
