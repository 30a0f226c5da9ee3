// Completion of LogQL: labels and values of the streams, fields of the lines, words of the language.

const field = document.getElementById("query");
const list = document.getElementById("completions");
const { start, until: end } = document.getElementById("answer").dataset;
const STAGES = [
  "json", "logfmt", "pattern", "regexp", "unpack", "line_format", "label_format", "unwrap", "drop", "keep", "decolorize",
];
const FUNCTIONS = [
  "count_over_time", "rate", "bytes_rate", "bytes_over_time", "sum_over_time", "avg_over_time", "min_over_time",
  "max_over_time", "quantile_over_time", "first_over_time", "last_over_time", "absent_over_time", "sum by", "avg by",
  "min by", "max by", "count by", "topk", "bottomk", "sort", "sort_desc", "label_replace",
];
const kept = new Map();
let offered = [];
let chosen = -1;
let asking = 0;

/** What stands before the cursor: which words fit, where they begin, what follows them. */
function place(text) {
  let found = /\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*?([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/.exec(text);
  if (found) return { kind: "values", label: found[1], begun: found[2], after: '"' };
  found = /\{(?:(?:[^{}"]|"(?:[^"\\]|\\.)*")*,)?\s*([a-zA-Z_]\w*)?$/.exec(text);
  if (found) return { kind: "labels", begun: found[1] ?? "", after: '="' };
  found = /(\{[^}]*\}).*\|\s*([a-z_]\w*)?$/.exec(text);
  if (found) return { kind: "stages", selector: found[1], begun: found[2] ?? "", after: "" };
  found = /(?:^|[\s(])([a-z_]+)$/.exec(text);
  return found ? { kind: "functions", begun: found[1], after: "" } : null;
}

async function ask(path, wish) {
  const address = `/loki/api/v1/${path}?${new URLSearchParams({ ...wish, start, end })}`;
  if (!kept.has(address)) {
    const found = fetch(address).then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));
    kept.set(address, found);
  }
  return kept.get(address);
}

async function words(at) {
  if (at.kind === "values") return (await ask(`label/${at.label}/values`, {})).data ?? [];
  if (at.kind === "labels") return (await ask("labels", {})).data ?? [];
  if (at.kind === "functions") return FUNCTIONS;
  const fields = ask("detected_fields", { query: at.selector, line_limit: 200 });
  // The words of the language are there at once; the lines' fields with the next letter, if they take their time.
  const found = await Promise.race([fields, new Promise((done) => setTimeout(done, 300, {}))]);
  return [...STAGES, ...(found.fields ?? []).map((it) => it.label)];
}

function close() {
  offered = [];
  chosen = -1;
  list.hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function choose(at) {
  chosen = at;
  [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
  if (at < 0) field.removeAttribute("aria-activedescendant");
  else {
    field.setAttribute("aria-activedescendant", `completion-${at}`);
    list.children[at].scrollIntoView({ block: "nearest" });
  }
}

function take(at) {
  const { word, begun, after } = offered[at];
  const cursor = field.selectionStart;
  const rest = field.value.slice(cursor);
  const text = after === '"' ? word.replace(/[\\"]/g, "\\$&") : word;
  const added = text + (rest.startsWith(after) ? "" : after);
  field.setRangeText(added, cursor - begun.length, cursor, "end");
  close();
  field.dispatchEvent(new Event("input"));
}

function show(found) {
  offered = found;
  const items = found.map(({ word }, index) => {
    const item = document.createElement("li");
    item.id = `completion-${index}`;
    item.role = "option";
    item.textContent = word;
    item.setAttribute("aria-selected", "false");
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      take(index);
    });
    return item;
  });
  list.replaceChildren(...items);
  list.hidden = false;
  field.setAttribute("aria-expanded", "true");
  choose(-1);
}

async function offer() {
  const turn = ++asking;
  const at = place(field.value.slice(0, field.selectionStart));
  if (!at) return close();
  const begun = at.begun.toLowerCase();
  const fitting = (await words(at)).filter((word) => word.toLowerCase().includes(begun) && word !== at.begun);
  if (turn !== asking || document.activeElement !== field) return;
  const sorted = fitting.sort((a, b) => b.toLowerCase().startsWith(begun) - a.toLowerCase().startsWith(begun));
  if (sorted.length) show(sorted.slice(0, 50).map((word) => ({ word, ...at })));
  else close();
}

field.role = "combobox";
field.setAttribute("aria-autocomplete", "list");
field.setAttribute("aria-controls", "completions");
field.setAttribute("aria-expanded", "false");
field.addEventListener("input", offer);
field.addEventListener("blur", close);
field.addEventListener("keydown", (event) => {
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    offer();
  }
  if (list.hidden) return;
  const turns = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in turns) choose((chosen + turns[event.key] + offered.length + (chosen < 0 && event.key === "ArrowUp")) % offered.length);
  else if (event.key === "Escape") close();
  else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) take(chosen);
  else if (event.key === "Tab" && offered.length === 1) take(0);
  else return;
  event.preventDefault();
});
