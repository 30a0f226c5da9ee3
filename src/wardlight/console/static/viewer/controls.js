// What stands above a board: time, refresh, variables, the other boards, a link to what is seen.

import { el, menu, visible } from "./dom.js";
import { QUICK, described, field, moment, unfield } from "./times.js";

const EVERY = [["", "Off"], ["5s", "5 s"], ["10s", "10 s"], ["30s", "30 s"], ["1m", "1 min"], ["5m", "5 min"], ["15m", "15 min"]];

export function controls(board) {
  return [variables(board), el("div", { class: "group" }, times(board), button("‹", "Earlier", () => board.shift(-0.5)), button("›", "Later", () => board.shift(0.5)), button("−", "Zoom out", () => board.zoomOut())), refresh(board), share(board), boards(board)];
}

const button = (sign, title, onclick) => el("button", { type: "button", title, "aria-label": title, onclick }, sign);

function times(board) {
  const { from, to } = board.state;
  const quick = el("ul", { class: "quick" }, QUICK.map(([value, words]) => el("li", {}, el("button", { type: "button", "aria-pressed": String(value === from && to === "now"), onclick: () => board.look(value, "now") }, words))));
  const start = el("input", { type: "datetime-local", id: "from", value: field(moment(from)), required: true });
  const end = el("input", { type: "datetime-local", id: "to", value: field(moment(to)), required: true });
  const wrong = el("p", { class: "mistake", role: "alert" });
  const form = el("form", { class: "absolute" }, el("label", { for: "from" }, "From"), start, el("label", { for: "to" }, "To"), end, wrong, el("button", { type: "submit" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [first, last] = [unfield(start.value), unfield(end.value)];
    if (first < last) board.look(String(first), String(last));
    else wrong.textContent = "The end must be after the beginning.";
  });
  return menu(described(from, to), [quick, form], { class: "menu times" });
}

function refresh(board) {
  const select = el("select", { id: "every", onchange: () => board.renewEvery(select.value) }, EVERY.map(([value, words]) => el("option", { value, selected: value === board.state.refresh }, words)));
  return el("div", { class: "group" }, button("↻", "Refresh now", () => board.refresh()), el("label", { for: "every", class: "hidden" }, "Refresh every"), select);
}

function variables(board) {
  return el("div", { class: "group variables" }, board.variables.list.map((one) => (one.model.type === "textbox" ? typed(one, board) : one.model.multi ? several(one, board) : single(one, board))));
}

const named = (one) => one.model.label || one.name;

function typed(one, board) {
  const input = el("input", { type: "search", id: `var-${one.name}`, value: one.values[0] ?? "", onchange: () => board.choose(one, [input.value]) });
  return el("div", { class: "variable" }, el("label", { for: `var-${one.name}` }, named(one)), input);
}

function single(one, board) {
  const options = one.model.includeAll ? [["$__all", "All"], ...one.options.map((it) => [it, it])] : one.options.map((it) => [it, it]);
  const select = el("select", { id: `var-${one.name}`, onchange: () => board.choose(one, [select.value]) }, options.map(([value, words]) => el("option", { value, selected: one.values.includes(value) }, visible(words))));
  return el("div", { class: "variable" }, el("label", { for: `var-${one.name}` }, named(one)), select);
}

function several(one, board) {
  const all = one.values.includes("$__all");
  const shown = all ? "All" : one.values.length > 2 ? `${one.values.length} chosen` : one.values.join(", ");
  const list = el("ul");
  const form = el("form", {}, el("button", { type: "button", "aria-pressed": String(all), onclick: () => board.choose(one, ["$__all"]) }, "All"), list, el("button", { type: "submit" }, "Show"));
  // The choices may come after the menu is open.
  one.fill = () => {
    const options = [...new Set([...one.options, ...one.values.filter((value) => value !== "$__all")])];
    const box = (value) => el("label", {}, el("input", { type: "checkbox", value, checked: one.values.includes(value) }), ` ${visible(value)}`);
    list.replaceChildren(...(options.length ? options.map((value) => el("li", {}, box(value))) : [el("li", { class: "said" }, "No values in this time.")]));
  };
  one.fill();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = [...list.querySelectorAll("input:checked")].map((box) => box.value);
    board.choose(one, chosen.length ? chosen : ["$__all"]);
  });
  return menu([el("span", { class: "said" }, `${named(one)}: `), visible(shown)], form, { class: "menu variable", "data-variable": one.name });
}

function share(board) {
  const told = el("span", { class: "said", role: "status" });
  const onclick = async () => {
    const address = board.address(true);
    try {
      await navigator.clipboard.writeText(address);
      told.textContent = "copied";
    } catch {
      history.replaceState(null, "", address);
      told.textContent = "it is in the address bar";
    }
  };
  return el("div", { class: "group" }, el("button", { type: "button", title: "Copy a link to what is seen now, with this very time", onclick }, "Copy link"), told);
}

function boards(board) {
  const kept = board.parameters().filter(([name]) => name !== "viewPanel");
  const list = el("ul", {}, board.others.map(({ uid, title }) => el("li", {}, el("a", { href: `/dashboards/${uid}?${new URLSearchParams(kept)}`, "aria-current": uid === board.uid ? "page" : null }, title))));
  return menu("Boards", list, { class: "menu boards" });
}
