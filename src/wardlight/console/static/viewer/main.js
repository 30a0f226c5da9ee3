// Starts the board that the page holds as JSON.

import { Board } from "./board.js";

const { board: model, others } = JSON.parse(document.getElementById("board").textContent);
const board = new Board(model, others, document.getElementById("list"));

function redraw() {
  board.panels.forEach((panel) => panel.last && panel.drawn && panel.draw());
  board.show();
  board.link();
}

document.addEventListener("zone", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - board.renewed > 30000 && board.state.to.startsWith("now")) board.refresh(); });
addEventListener("popstate", () => location.reload());
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && board.state.alone) board.alone(board.state.alone); });
board.refresh();
board.tick();
