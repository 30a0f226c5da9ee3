// A click on a bar, or a drag over several, narrows the time.

const drawing = document.querySelector(".bars svg");
const asked = new URLSearchParams(document.getElementById("answer").dataset.asked);
let from = null;

function barAt(event) {
  const bars = drawing.querySelectorAll("g");
  const box = drawing.getBoundingClientRect();
  const at = Math.floor(((event.clientX - box.left) / box.width) * bars.length);
  return bars[Math.min(Math.max(at, 0), bars.length - 1)];
}

function mark(one, other) {
  const chosen = drawing.querySelector(".chosen");
  const places = [one, other].map((bar) => Number(bar.querySelector("rect").getAttribute("x")));
  chosen.setAttribute("x", Math.min(...places));
  chosen.setAttribute("width", Math.abs(places[0] - places[1]) + 10);
}

if (drawing) {
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = barAt(event);
    mark(from, from);
    drawing.setPointerCapture(event.pointerId);
  });
  drawing.addEventListener("pointermove", (event) => from && mark(from, barAt(event)));
  drawing.addEventListener("pointercancel", () => { from = null; });
  drawing.addEventListener("pointerup", (event) => {
    if (!from) return;
    const bars = [from, barAt(event)].sort((a, b) => (BigInt(a.dataset.start) < BigInt(b.dataset.start) ? -1 : 1));
    const wish = { query: asked.get("query"), start: bars[0].dataset.start, end: bars[1].dataset.end };
    location.href = "/logs?" + new URLSearchParams(wish);
  });
}
