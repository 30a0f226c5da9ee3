// Variables of a board: their choices, what is chosen, and putting them into queries as Grafana does.

import { ask } from "./ask.js";
import { short } from "./times.js";

const ALL = "$__all";

export class Variables {
  constructor(list, address) {
    this.list = list.filter((one) => one.hide !== 2).map((model) => {
      const given = address.getAll(`var-${model.name}`);
      const first = [model.current?.value ?? (model.type === "textbox" ? model.query ?? "" : ALL)].flat();
      return { model, name: model.name, values: given.length ? given : first, options: [] };
    });
  }

  /** What is chosen, for an address. */
  entries() {
    return this.list.flatMap((one) => (one.values.length ? one.values : [""]).map((value) => [`var-${one.name}`, value]));
  }

  /** Ask for the choices, one variable after the other, since one may need those before it. */
  async load(range, signal) {
    for (const one of this.list) {
      if (one.model.type === "custom") one.options = one.model.query.split(",").map((it) => it.trim());
      if (one.model.type === "query") one.options = await this.asked(one.model, range, signal);
      if (!one.model.includeAll && !one.model.multi && one.options.length && !one.options.includes(one.values[0])) one.values = [one.options[0]];
    }
  }

  async asked(model, range, signal) {
    const text = typeof model.query === "string" ? model.query : model.query.query ?? "";
    const found = /^label_values\((?:(.*),)?\s*([\w.]+)\s*\)$/s.exec(this.put(text, range));
    if (!found) throw new Error(`variable ${model.name}: only label_values(…) can be asked`);
    const [, selector, label] = found;
    const span = [["start", Math.floor(range.from / 1000)], ["end", Math.ceil(range.to / 1000)]];
    const loki = model.datasource?.uid === "wardlight-logs";
    const path = loki ? `/loki/api/v1/label/${label}/values` : `/api/v1/metrics/label/${label}/values`;
    if (selector?.trim()) span.push([loki ? "query" : "match[]", selector.trim()]);
    const values = (await ask(path, span, signal)).data ?? [];
    const kept = model.regex ? values.filter((value) => new RegExp(model.regex.replace(/^\/|\/$/g, "")).test(value)) : values;
    return kept.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  }

  /** Put values into a query or an address. `range` brings $__interval, $__rate_interval, $__range. */
  put(text, range, extra = {}) {
    return text.replace(/\$\{([\w.]+)(?::(\w+))?\}|\$(\w+)/g, (whole, braced, form, bare) => {
      const name = braced ?? bare;
      if (name in extra) return extra[name];
      if (name === "__interval") return short(range.step);
      if (name === "__interval_ms") return String(range.step * 1000);
      if (name === "__rate_interval") return short(Math.max(range.step + 5, 20));
      if (name === "__range") return `${Math.max(1, Math.round((range.to - range.from) / 1000))}s`;
      if (name === "__range_s") return String(Math.round((range.to - range.from) / 1000));
      if (name === "__from") return String(range.from);
      if (name === "__to") return String(range.to);
      const one = this.list.find((it) => it.name === name);
      return one ? inForm(one, form) : whole;
    });
  }
}

const regexed = (value) => value.replace(/\\/g, "\\\\\\\\").replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&");
const quoted = (value) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"');

function inForm(one, form) {
  const all = one.values.includes(ALL);
  if (form === "queryparam") return one.values.map((value) => `var-${one.name}=${encodeURIComponent(value)}`).join("&");
  if (form === "text") return all ? "All" : one.values.join(" + ");
  const values = all ? (one.model.allValue ? null : one.options) : one.values;
  if (values === null) return one.model.allValue;
  if (form === "raw" || form === "csv") return values.join(",");
  if (form === "pipe") return values.join("|");
  if (form === "json") return JSON.stringify(values);
  if (form === "percentencode") return encodeURIComponent(values.join(","));
  if (one.model.type === "textbox") return (values[0] ?? "").replaceAll("`", "");
  if (form !== "regex" && !one.model.multi && !one.model.includeAll) return quoted(values[0] ?? "");
  return values.length === 1 ? regexed(values[0]) : `(${values.map(regexed).join("|")})`;
}
