// Rows and columns; a click on a heading sorts.

import { el, visible } from "../dom.js";
import { rows, sorted } from "../frames.js";
import { colour, configured, look } from "../looks.js";

export function draw(body, { model, series, kept }) {
  const found = rows(series, model.transformations);
  const shown = () => (kept.sort ? sorted(found.rows, found.heads, kept.sort) : found.rows);
  const config = new Map(found.heads.map(({ key, title }) => [key, configured(model.fieldConfig, title)]));
  const put = () => body.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": model.title }, table()));

  function table() {
    return el("table", {}, el("thead", {}, el("tr", {}, found.heads.map(head))), el("tbody", {}, shown().map((row) => el("tr", {}, found.heads.map(({ key }) => cell(key, row))))));
  }

  function head({ key, title }) {
    const sort = kept.sort?.field === key ? (kept.sort.desc ? "descending" : "ascending") : null;
    const turn = () => {
      kept.sort = { field: key, desc: kept.sort?.field === key ? !kept.sort.desc : typeof found.rows[0]?.[key] === "number" };
      put();
      body.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
    };
    return el("th", { scope: "col", "aria-sort": sort, class: number(key) ? "number" : null }, el("button", { type: "button", "data-key": key, onclick: turn }, visible(title)));
  }

  const number = (key) => typeof found.rows[0]?.[key] === "number";

  function cell(key, row) {
    const value = row[key] ?? null;
    if (typeof value !== "number") return el("td", {}, value === null ? "–" : look(config.get(key), value).text);
    const it = look(config.get(key), value);
    return el("td", { class: "number", vars: config.get(key).custom?.cellOptions || it.colour !== "text" && config.get(key).thresholds ? { color: colour(it.colour === "green" || it.colour === "blue" ? "text" : it.colour) } : {} }, it.text);
  }

  put();
  return { table: null };
}
