// Renews a page every fifteen seconds while it is seen, and says when it can't.
import { fresh, put, say } from "./sections.js";

const address = new URL(location.href);
address.searchParams.set("renewed", ""); // nobody did anything: it doesn't keep a session awake

async function renew() {
  if (document.hidden) return;
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(10_000), redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    put(await answer.text());
    fresh();
  } catch {
    say(true);
  }
}

document.addEventListener("visibilitychange", renew);
setInterval(renew, 15_000);
