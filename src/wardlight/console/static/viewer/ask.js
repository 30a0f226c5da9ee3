// Questions to our server: a few at a time, and what went wrong in words.

const AT_ONCE = 6;
const waiting = [];
let running = 0;

/** Why there is no answer. `lost`: nobody answered; `away`: a part behind our server is away. */
export class Refused extends Error {
  constructor(message, { lost = false, away = false, signedOut = false } = {}) {
    super(message);
    Object.assign(this, { lost, away, signedOut });
  }
}

async function place() {
  if (running >= AT_ONCE) await new Promise((go) => waiting.push(go));
  running += 1;
}

function leave() {
  running -= 1;
  waiting.shift()?.();
}

async function reason(answer) {
  const text = await answer.text();
  try {
    const told = JSON.parse(text);
    return told.error ?? told.detail?.[0]?.msg ?? text;
  } catch {
    return text || answer.statusText;
  }
}

/** Ask; the answer's JSON. Raises Refused, or AbortError when `signal` says so. */
export async function ask(path, parameters, signal) {
  await place();
  try {
    signal?.throwIfAborted();
    const address = new URLSearchParams(parameters.flatMap ? parameters : Object.entries(parameters));
    // Nobody did anything just now: it doesn't keep a session awake.
    if (!navigator.userActivation?.isActive) address.set("renewed", "");
    const answer = await fetch(`${path}?${address}`, { signal, headers: { Accept: "application/json" } }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Refused("the server does not answer", { lost: true });
    });
    if (answer.status === 401) throw new Refused("you are signed out", { signedOut: true });
    if (!answer.ok) throw new Refused((await reason(answer)).trim().slice(0, 500), { away: answer.status === 503 || answer.status === 504 });
    return await answer.json();
  } finally {
    leave();
  }
}
