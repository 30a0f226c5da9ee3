// A board: what it shows, of which time, and how it is kept fresh. Its state is in the address.

import { ask } from "./ask.js";
import { controls } from "./controls.js";
import { el } from "./dom.js";
import { Panel } from "./panel.js";
import { clock, local, moment, span } from "./times.js";
import { Variables } from "./variables.js";

export class Board {
  constructor(model, others, place) {
    const given = new URLSearchParams(location.search);
    Object.assign(this, { model, others, uid: model.uid, place, marks: [], lost: null, renewed: Date.now() });
    this.variables = new Variables(model.templating?.list ?? [], given);
    this.state = { ...spanOf(given, model), refresh: given.get("refresh") ?? model.refresh ?? "", alone: given.get("viewPanel") };
    this.bar = el("div", { class: "bar", role: "toolbar", "aria-label": "Time and choices" });
    this.sections = grouped(model.panels ?? []);
    this.panels = this.sections.flatMap((section) => section.panels.map((one) => (section.made[one.id] = new Panel(one, this))));
    this.seeing = new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)), { rootMargin: "200px" });
    place.append(this.bar, ...this.sections.map((section) => this.section(section)));
    this.panels.forEach((panel) => this.seeing.observe(panel.element));
    this.only();
  }

  top(model) {
    return this.sections.find((section) => section.panels.includes(model)).top;
  }

  section({ row, panels, made }) {
    const grid = el("div", { class: "grid" }, panels.map((one) => made[one.id].element));
    if (!row) return grid;
    const fold = el("button", { type: "button", "aria-expanded": String(!row.collapsed), onclick: () => {
      grid.hidden = !grid.hidden;
      fold.setAttribute("aria-expanded", String(!grid.hidden));
    } }, row.title);
    grid.hidden = Boolean(row.collapsed);
    return el("div", { class: "board-row" }, el("h2", {}, fold), grid);
  }

  seen({ isIntersecting, target }) {
    const panel = this.panels.find((one) => one.element === target);
    panel.seen = isIntersecting;
    if (isIntersecting && panel.stale) panel.load();
  }

  /** Ask everything again. */
  async refresh() {
    this.range = { from: moment(this.state.from), to: moment(this.state.to) };
    this.failed = null;
    this.show();
    const needed = this.variables.list.some((one) => !one.model.allValue && one.model.type === "query");
    const loading = this.variables.load({ ...this.range, step: 60 }).then(() => this.chosen(), (error) => this.heard(error));
    if (needed) await loading;
    this.marked();
    await Promise.all([loading, ...this.panels.map((panel) => panel.load())]);
    if (!this.failed) { this.renewed = Date.now(); this.lost = null; }
    this.link();
  }

  show() {
    if (!this.bar.contains(document.activeElement) && !this.bar.querySelector("details[open]")) this.bar.replaceChildren(...controls(this));
  }

  /** The choices of the variables are here. */
  chosen() {
    for (const one of this.variables.list) if (!this.bar.querySelector(`[data-variable="${one.name}"] input:checked`)) one.fill?.();
    this.show();
  }

  /** Something could not be asked. */
  heard(error) {
    if (!error.lost && !error.signedOut) return;
    this.failed = error;
    this.lost = error;
    this.link();
  }

  link() {
    const place = document.getElementById("link");
    document.body.classList.toggle("lost", Boolean(this.lost));
    if (this.lost?.signedOut) place.replaceChildren("Signed out: ", el("a", { href: `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}` }, "sign in"));
    else place.textContent = this.lost ? `Connection lost: this is how it was at ${clock(this.renewed)}` : `live, ${clock(this.renewed)}${local() ? "" : " UTC"}`;
  }

  /** Ask for what the graphs are marked with. */
  async marked() {
    const wanted = (this.model.annotations?.list ?? []).filter((one) => one.enable && !one.builtIn);
    const found = await Promise.allSettled(wanted.map((one) => this.marksOf(one)));
    const marks = found.flatMap((one) => one.value ?? []);
    if (JSON.stringify(marks) === JSON.stringify(this.marks)) return;
    this.marks = marks;
    this.panels.forEach((panel) => panel.drawn?.redraw?.());
  }

  async marksOf({ name, iconColor, datasource, expr, target, titleFormat }) {
    const look = { kind: name, colour: iconColor ?? "blue" };
    if (datasource?.uid === "wardlight-logs") {
      const { from, to } = this.range;
      const given = { query: this.variables.put(expr ?? target.expr, { ...this.range, step: 60 }), start: (from / 1000).toFixed(3), end: (to / 1000).toFixed(3), limit: "100" };
      const { data } = await ask("/loki/api/v1/query_range", given);
      return data.result.flatMap(({ stream, values }) => values.map(([at, body]) => ({ ...look, at: Number(at) / 1e6, text: titleFormat ? titleFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => stream[label] ?? "") : body })));
    }
    // What Grafana keeps itself are the maintenance windows, which we told it of.
    const { windows } = await ask("/api/v1/maintenance", { state: "all", limit: "100" });
    return windows.filter((one) => Date.parse(one.ends) > this.range.from && Date.parse(one.starts) < this.range.to && one.state !== "cancelled").map((one) => ({ ...look, at: Date.parse(one.starts), until: Date.parse(one.ends), text: one.what }));
  }

  parameters(absolute = false) {
    const { from, to } = absolute ? this.range : this.state;
    const more = [this.state.refresh !== (this.model.refresh ?? "") && ["refresh", this.state.refresh], this.state.alone && ["viewPanel", this.state.alone]].filter(Boolean);
    return [["from", String(from)], ["to", String(to)], ...this.variables.entries(), ...more];
  }

  address(absolute = false) {
    return `${location.origin}${location.pathname}?${new URLSearchParams(this.parameters(absolute))}`;
  }

  changed() {
    history.pushState(null, "", this.address());
    document.activeElement?.blur?.();
    this.bar.querySelectorAll("details[open]").forEach((one) => { one.open = false; });
    this.refresh();
  }

  look(from, to) {
    Object.assign(this.state, { from, to });
    this.changed();
  }

  zoom(from, to) {
    this.look(String(from), String(Math.max(to, from + 10000)));
  }

  zoomOut() {
    const { from, to } = this.range;
    this.look(String(Math.round(from - (to - from) / 2)), String(Math.min(Date.now(), Math.round(to + (to - from) / 2))));
  }

  shift(share) {
    const { from, to } = this.range;
    const by = Math.round((to - from) * share);
    this.look(String(from + by), String(to + by));
  }

  choose(one, values) {
    one.values = values;
    this.changed();
  }

  renewEvery(text) {
    this.state.refresh = text;
    history.replaceState(null, "", this.address());
    this.tick();
  }

  tick() {
    clearTimeout(this.timer);
    const every = span(this.state.refresh);
    if (!every) return;
    this.timer = setTimeout(async () => {
      if (!document.hidden && this.state.to.startsWith("now")) await this.refresh();
      this.tick();
    }, every);
  }

  alone(id) {
    this.state.alone = this.state.alone ? null : String(id);
    history.pushState(null, "", this.address());
    this.only();
  }

  /** Show one panel alone, or all. */
  only() {
    const chosen = this.state.alone;
    this.place.classList.toggle("solo", Boolean(chosen));
    for (const panel of this.panels) panel.element.classList.toggle("chosen", String(panel.model.id) === chosen);
    for (const grid of this.place.querySelectorAll(".grid")) grid.classList.toggle("around", Boolean(grid.querySelector(".chosen")));
  }

  /** Lead on from a panel: to the logs of a moment, or of all the time that is shown. */
  links(model, at = null) {
    return (model.fieldConfig?.defaults?.links ?? []).map(({ title, url }) => {
      const when = at === null ? url.replace(/time=\$\{__value\.time\}&time\.window=\d+/, `from=${this.state.from}&to=${this.state.to}`) : url;
      const words = at === null ? "Logs" : title;
      return el("a", { href: this.linked(this.variables.put(when, { ...this.range, step: 60 }, { "__value.time": String(Math.round(at ?? 0)) })), "aria-label": at === null ? `${model.title}: logs of this time` : null }, words);
    });
  }

  linked(address) {
    return address.replace(/^\/d\/([\w-]+)(\/[\w-]*)?/, "/dashboards/$1");
  }

  around(at) {
    return `/dashboards/wardlight-logs?time=${at}&time.window=60000`;
  }
}

function spanOf(given, model) {
  const at = moment(given.get("time") ?? "");
  if (at !== null && given.has("time.window")) {
    const half = Math.max(1000, (Number(given.get("time.window")) || 600000) / 2);
    return { from: String(at - half), to: String(at + half) };
  }
  const [from, to] = [given.get("from"), given.get("to")];
  const good = from && to && moment(from) !== null && moment(to) !== null && moment(from) < moment(to);
  return good ? { from, to } : { from: model.time?.from ?? "now-1h", to: model.time?.to ?? "now" };
}

/** Bring panels below their rows, each as it is read: from above, from the left. */
function grouped(panels) {
  const found = [{ row: null, panels: [] }];
  for (const one of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
    if (one.type === "row") found.push({ row: one, panels: [...(one.panels ?? [])] });
    else found.at(-1).panels.push(one);
  }
  return found.filter((one) => one.panels.length).map((one) => ({ ...one, made: {}, top: Math.min(...one.panels.map((it) => it.gridPos.y)) }));
}
