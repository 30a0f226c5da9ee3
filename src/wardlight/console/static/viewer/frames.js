// From targets to series, rows and lines: asking both data sources and bringing their answers into one form.
//
// A series is {ref, name, labels, times, values}: milliseconds and numbers, null where there was none.

import { ask } from "./ask.js";

const bySource = {
  prometheus: { range: "/api/v1/metrics/query_range", instant: "/api/v1/metrics/query" },
  "wardlight-logs": { range: "/loki/api/v1/query_range", instant: "/loki/api/v1/query" },
};

/** Ask one target: {series} or {lines}. */
export async function asked(target, range, variables, signal) {
  const source = bySource[target.datasource?.uid];
  if (!source) throw new Error(`nothing is known of the data source ${target.datasource?.uid}`);
  const loki = target.datasource.uid === "wardlight-logs";
  const instant = loki ? target.queryType === "instant" : target.instant && !target.range;
  const query = variables.put(target.expr, range);
  const given = { query };
  if (instant) given.time = seconds(range.to);
  else Object.assign(given, { start: seconds(range.from), end: seconds(range.to), step: String(range.step) });
  if (loki && !instant) Object.assign(given, { limit: String(target.maxLines ?? 200), direction: "backward" });
  const { data } = await ask(instant ? source.instant : source.range, given, signal);
  if (data.resultType === "streams") return { lines: lines(data.result) };
  return { series: data.result.map((one) => series(one, target, range)) };
}

const seconds = (at) => (at / 1000).toFixed(3);
const figure = (text) => { const value = Number(text); return Number.isNaN(value) ? null : value; };

function series(result, target, range) {
  const { __name__: metric, ...labels } = result.metric;
  const points = result.values ?? (result.value ? [result.value] : []);
  const one = { ref: target.refId, labels, metric, instant: !result.values, name: named(target.legendFormat, labels, metric) };
  return Object.assign(one, result.values ? onGrid(points, range) : { times: points.map(([at]) => at * 1000), values: points.map(([, value]) => figure(value)) });
}

/** Put points at their places in a row of equal steps, so that a gap is seen as one. */
function onGrid(points, range) {
  const length = Math.floor((range.to - range.from) / 1000 / range.step + 1e-6) + 1;
  const times = Array.from({ length }, (_, at) => range.from + at * range.step * 1000);
  const values = new Array(length).fill(null);
  for (const [at, value] of points) {
    const place = Math.round((at * 1000 - range.from) / 1000 / range.step);
    if (place >= 0 && place < length) values[place] = figure(value);
  }
  return { times, values };
}

function named(format, labels, metric) {
  if (format && format !== "__auto") return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? "");
  const found = Object.entries(labels);
  if (found.length === 1) return found[0][1];
  return found.length ? found.map(([name, value]) => `${name}=${value}`).join(", ") : metric ?? "";
}

function lines(streams) {
  const found = streams.flatMap(({ stream, values }) => values.map(([at, body, meta]) => ({ at: Number(BigInt(at) / 1000000n), ns: at, body, labels: { ...stream, ...meta?.structuredMetadata } })));
  return found.sort((a, b) => (a.ns.length - b.ns.length || (a.ns < b.ns ? -1 : 1)) * -1);
}

const REDUCE = {
  lastNotNull: (values) => values.at(-1), last: (values) => values.at(-1), firstNotNull: (values) => values[0], first: (values) => values[0],
  min: (values) => Math.min(...values), max: (values) => Math.max(...values), count: (values) => values.length,
  sum, mean: (values) => sum(values) / values.length, range: (values) => Math.max(...values) - Math.min(...values),
  diff: (values) => values.at(-1) - values[0], delta: (values) => values.at(-1) - values[0],
};

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** One number out of many, by Grafana's name of the calculation; null when there is none. */
export function reduced(values, how = "lastNotNull") {
  const there = values.filter((value) => value !== null);
  return there.length ? (REDUCE[how] ?? REDUCE.lastNotNull)(there) : null;
}

/** Rows and columns of a table panel: its targets merged by their labels, then put in order. */
export function rows(found, transformations) {
  const refs = [...new Set(found.map((one) => one.ref))];
  const merged = new Map();
  for (const one of found) {
    const key = JSON.stringify(Object.entries(one.labels).sort());
    const row = merged.get(key) ?? { Time: one.times.at(-1), ...one.labels };
    row[refs.length > 1 ? `Value #${one.ref}` : "Value"] = one.values.at(-1);
    merged.set(key, row);
  }
  let heads = [...new Set([...merged.values()].flatMap((row) => Object.keys(row)))].map((key) => ({ key, title: key }));
  let all = [...merged.values()];
  for (const { id, options = {} } of transformations ?? []) {
    if (id === "organize") heads = organized(heads, options);
    if (id === "sortBy" && options.sort?.[0]) all = sorted(all, heads, options.sort[0]);
    if (id === "limit") all = all.slice(0, options.limitField);
  }
  return { heads, rows: all };
}

function organized(heads, { excludeByName = {}, indexByName = {}, renameByName = {} }) {
  const kept = heads.filter(({ key }) => !excludeByName[key]).map((head) => ({ ...head, title: renameByName[head.key] || head.title }));
  return kept.sort((a, b) => (indexByName[a.key] ?? 99) - (indexByName[b.key] ?? 99));
}

export function sorted(all, heads, { field, desc }) {
  const key = heads.find((head) => head.title === field || head.key === field)?.key ?? field;
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true }));
  return [...all].sort((a, b) => order(a[key], b[key]) * (desc ? -1 : 1));
}
