// What fires, the gravest first, from our own record of Alertmanager's alerts.

import { ask } from "../ask.js";
import { el, visible } from "../dom.js";
import { since } from "../times.js";

const ORDER = ["critical", "warning", "info"];
const SIGNS = { critical: "✕", warning: "!", info: "i" };

export async function fetched(model, signal) {
  const { alerts } = await ask("/api/v1/alert-history", { state: "active", since: new Date().toISOString(), limit: "1000" }, signal);
  const wanted = matchers(model.options?.alertInstanceLabelFilter ?? "");
  const firing = alerts.filter((it) => it.ended === null && wanted.every((holds) => holds(it.labels)));
  return { alerts: firing.sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || b.started.localeCompare(a.started)) };
}

/** Read {name="value", other!~"…"} into tests of labels. */
function matchers(text) {
  return [...text.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)].map(([, name, sign, value]) => (labels) => {
    const is = labels[name] ?? "";
    const wanted = value.replace(/\\(.)/g, "$1");
    const same = sign.endsWith("~") ? new RegExp(`^(?:${value.replace(/\\\\/g, "\\")})$`).test(is) : is === wanted;
    return sign.startsWith("!") ? !same : same;
  });
}

export function draw(body, { model, alerts }) {
  const shown = alerts.slice(0, model.options?.maxItems ?? 30);
  body.replaceChildren(shown.length
    ? el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": model.title }, el("ul", { class: "firing" }, shown.map(alert)))
    : el("p", { class: "calm" }, el("span", { class: "mark good", "aria-hidden": "true" }, "✓"), "Nothing fires."));
  return { table: null };
}

function alert({ severity, labels, annotations, started }) {
  return el("li", { class: severity },
    el("span", { class: `mark ${severity}`, "aria-hidden": "true" }, SIGNS[severity] ?? "?"),
    el("span", {}, el("a", { href: "/incidents" }, visible(labels.alertname ?? "?")), ` ${visible(annotations.summary ?? "")}`),
    el("span", { class: "said" }, `${severity}, since ${since(Date.parse(started)).replace(/ ago$/, "")}`));
}
