// The page of the logs: completion, zooming, details and more lines on demand, following.
import "./logs/bars.js";
import "./logs/complete.js";
import "./logs/follow.js";
import "./logs/rows.js";

const form = document.getElementById("question");
// Choosing “the last hour” means: no longer from … to.
form.elements.since.addEventListener("change", () => {
  form.elements.start.value = form.elements.end.value = "";
});
