// Details of a line when it is opened; older lines when one scrolls to them. The server writes all of it.

const answer = document.getElementById("answer");
const rows = document.getElementById("rows");
const most = Number(answer.dataset.most);
const CHUNK = 100;
const query = new URLSearchParams(answer.dataset.asked).get("query");

async function ask(address) {
  const found = await fetch(address);
  const text = await found.text();
  if (!found.ok) throw new Error(found.headers.get("content-type")?.includes("json") ? JSON.parse(text).error : found.statusText);
  return new DOMParser().parseFromString(text, "text/html").body;
}

async function open(details) {
  const place = details.querySelector("p");
  if (!details.open || details.dataset.full || !place) return;
  details.dataset.full = "yes";
  const link = place.querySelector("a").getAttribute("href");
  try {
    const found = await ask(`${link}&${new URLSearchParams({ part: "details", query })}`);
    place.replaceWith(...found.childNodes);
  } catch (error) {
    delete details.dataset.full;
    place.append(` (not loaded: ${error.message})`);
  }
}

export function count() {
  return rows.querySelectorAll(".row").length;
}

/** Make lists of a hundred lines: what is out of sight is then skipped list by list, not line by line. */
export function chunks(items) {
  const lists = [];
  for (let at = 0; at < items.length; at += CHUNK) {
    const list = document.createElement("ol");
    list.className = "rows";
    list.append(...items.slice(at, at + CHUNK));
    lists.push(list);
  }
  return lists;
}

async function older(item) {
  const link = item.querySelector("a");
  if (item.dataset.asked || count() >= most) return;
  item.dataset.asked = "yes";
  link.textContent = "Loading older lines …";
  try {
    const found = [...(await ask(link.href)).querySelectorAll("li.row, li.further")];
    item.remove();
    rows.append(...chunks(found));
    watch();
  } catch (error) {
    delete item.dataset.asked;
    link.textContent = `Older lines (not loaded: ${error.message})`;
  }
}

const watcher = new IntersectionObserver(
  (seen) => seen.forEach((it) => it.isIntersecting && older(it.target)), { rootMargin: "600px" },
);

function watch() {
  watcher.disconnect();
  const item = rows.querySelector(".further");
  if (!item) return;
  if (count() < most) watcher.observe(item);
  else item.querySelector("a").replaceWith(`These are ${most} lines: narrow the time to see older ones.`);
}

if (rows) {
  rows.addEventListener("toggle", (event) => open(event.target), true);
  rows.addEventListener("click", (event) => {
    const item = event.target.closest(".further");
    if (!item) return;
    event.preventDefault();
    older(item);
  });
  watch();
}
