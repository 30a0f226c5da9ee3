// Words: the little of Markdown that boards use, made of elements.

import { el } from "../dom.js";

const LINE = /\*\*([^*]+)\*\*|\*([^*]+)\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/g;

function inline(text, board) {
  const found = [];
  let from = 0;
  for (const it of text.matchAll(LINE)) {
    found.push(text.slice(from, it.index), part(it, board));
    from = it.index + it[0].length;
  }
  return [...found, text.slice(from)];
}

function part([, bold, italic, code, words, address], board) {
  if (bold) return el("strong", {}, bold);
  if (italic) return el("em", {}, italic);
  if (code) return el("code", {}, code);
  const safe = /^(\/(?!\/)|https?:\/\/|#)/.test(address);
  return safe ? el("a", { href: board.linked(address) }, words) : words;
}

export function draw(body, { model, board }) {
  const blocks = [];
  for (const block of (model.options?.content ?? "").split(/\n\s*\n/)) {
    const lines = block.split("\n").filter((line) => line.trim());
    const heading = /^(#{1,4})\s+(.*)$/.exec(lines[0] ?? "");
    if (heading) { blocks.push(el("h4", {}, inline(heading[2], board))); lines.shift(); }
    if (!lines.length) continue;
    const listed = lines.every((line) => /^\s*([-*]|\d+\.)\s+/.test(line));
    blocks.push(listed ? el("ul", {}, lines.map((line) => el("li", {}, inline(line.replace(/^\s*([-*]|\d+\.)\s+/, ""), board)))) : el("p", {}, inline(lines.join(" "), board)));
  }
  body.replaceChildren(el("div", { class: "words" }, blocks));
  return { table: null };
}
