// One panel: its head, its questions, and what is shown when they are answered or can't be.

import { Refused } from "./ask.js";
import { el, menu, visible } from "./dom.js";
import { asked } from "./frames.js";
import * as alertlist from "./panels/alertlist.js";
import * as bargauge from "./panels/bargauge.js";
import * as gauge from "./panels/gauge.js";
import * as heatmap from "./panels/heatmap.js";
import * as logs from "./panels/logs.js";
import * as stat from "./panels/stat.js";
import * as table from "./panels/table.js";
import * as text from "./panels/text.js";
import * as timeline from "./panels/timeline.js";
import * as timeseries from "./panels/timeseries.js";
import { step } from "./times.js";

const KINDS = { alertlist, bargauge, gauge, heatmap, logs, stat, table, text, timeseries, "state-timeline": timeline };
const POINTS = 240;

export class Panel {
  constructor(model, board) {
    Object.assign(this, { model, board, kind: KINDS[model.type], kept: {}, seen: false, stale: true, tabled: false });
    this.body = el("div", { class: "face" });
    const { x, y, w, h } = model.gridPos;
    this.element = el("article", { class: "panel", "data-type": model.type, id: `panel-${model.id}`, "aria-labelledby": `title-${model.id}`, "data-state": "waiting", vars: { "--x": x + 1, "--y": y - board.top(model) + 1, "--w": w, "--h": h } }, this.head(), this.body);
    new ResizeObserver(() => requestAnimationFrame(() => this.drawn?.size?.())).observe(this.body);
  }

  head() {
    const { id, title, description } = this.model;
    this.links = el("span", { class: "leads" });
    this.tabler = el("button", { type: "button", "aria-pressed": "false", hidden: true, title: "As a table", "aria-label": `${title}: as a table`, onclick: () => this.turn() }, "▤");
    return el("div", { class: "head" }, el("h3", { id: `title-${id}` }, visible(title)),
      el("div", { class: "panel-tools" }, this.links, description ? menu([el("span", { "aria-hidden": "true" }, "?"), el("span", { class: "hidden" }, `About ${title}`)], description) : "", this.tabler,
        el("button", { type: "button", title: "Alone on the page", "aria-label": `${title}: alone on the page`, onclick: () => this.board.alone(id) }, "⤢")));
  }

  /** Ask again, unless nobody sees it; then when it comes into view. */
  async load() {
    this.stale = true;
    if (!this.seen || this.element.offsetParent === null) return;
    this.stale = false;
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    this.element.setAttribute("aria-busy", "true");
    try {
      const range = this.range();
      const found = await this.fetched(range, signal);
      if (!signal.aborted) this.show({ ...found, range });
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) this.refuse(error);
    } finally {
      if (!signal.aborted) this.element.removeAttribute("aria-busy");
    }
  }

  range() {
    const { from, to } = this.board.range;
    const long = step(from, to, Math.min(POINTS, Math.max(40, this.body.clientWidth / 3)), 5);
    return { from: Math.floor(from / 1000 / long) * long * 1000, to, step: long };
  }

  async fetched(range, signal) {
    if (!this.kind) throw new Error(`panels of type ${this.model.type} can't be shown here`);
    if (this.kind.fetched) return this.kind.fetched(this.model, signal);
    const targets = (this.model.targets ?? []).filter((target) => !target.hide && target.expr);
    const answers = await Promise.all(targets.map((target) => asked({ datasource: this.model.datasource, ...target }, range, this.board.variables, signal)));
    return { series: answers.flatMap((one) => one.series ?? []), lines: answers.flatMap((one) => one.lines ?? []) };
  }

  show(found) {
    const context = { ...found, model: this.model, board: this.board, kept: this.kept };
    const there = found.alerts || this.model.type === "text" || found.lines?.length || found.series?.some((one) => one.values.some((value) => value !== null));
    if (!there) return this.say("empty", this.model.fieldConfig?.defaults?.noValue ?? "Nothing in this time.");
    // Who reads in it isn't disturbed.
    if (this.element.dataset.state === "filled" && !this.drawn?.update && this.reading()) return undefined;
    this.element.dataset.state = "filled";
    if (!this.tabled && this.drawn?.update?.(context)) return undefined;
    this.last = context;
    this.links.replaceChildren(...this.board.links(this.model));
    return this.draw();
  }

  reading() {
    const selection = getSelection();
    return this.body.contains(document.activeElement) && document.activeElement !== this.body.firstChild || this.body.querySelector("details[open]") !== null || (!selection.isCollapsed && selection.containsNode(this.body, true));
  }

  draw() {
    const { scrollTop = 0 } = this.body.firstElementChild ?? {};
    this.clear();
    this.drawn = this.kind.draw(this.body, this.last);
    this.tabler.hidden = !this.drawn.table;
    if (this.tabled && this.drawn.table) this.asTable();
    if (this.body.firstElementChild) this.body.firstElementChild.scrollTop = scrollTop;
  }

  asTable() {
    const { heads, rows, notes = [] } = this.drawn.table();
    this.clear();
    this.body.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": this.model.title },
      el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, visible(head))))), el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, visible(cell))))))),
      notes.length ? el("ul", { class: "notes" }, notes.map((note) => el("li", {}, visible(note)))) : ""));
  }

  turn() {
    this.tabled = !this.tabled;
    this.tabler.setAttribute("aria-pressed", String(this.tabled));
    if (this.last) this.draw();
  }

  refuse(error) {
    this.board.heard(error);
    if (error.lost && this.drawn) return;
    const away = error instanceof Refused && (error.away || error.lost);
    this.say(away ? "away" : "error", away ? `Can't be filled: ${error.message}.` : error.message);
  }

  say(state, words) {
    this.clear();
    this.element.dataset.state = state;
    this.tabler.hidden = true;
    this.body.replaceChildren(el("p", { class: `word ${state}`, role: state === "empty" ? null : "status" }, state === "empty" ? "" : el("span", { class: `mark ${state === "error" ? "bad" : "unknown"}`, "aria-hidden": "true" }, state === "error" ? "✕" : "?"), visible(words)));
  }

  clear() {
    this.drawn?.close?.();
    this.drawn = null;
  }
}
