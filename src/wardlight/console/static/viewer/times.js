// Times as Grafana writes them in addresses ("now-1h", milliseconds), and as people read them.

const UNITS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, M: 2592e6, y: 31536e6 };

export const QUICK = [
  ["now-5m", "Last 5 minutes"], ["now-15m", "Last 15 minutes"], ["now-30m", "Last 30 minutes"], ["now-1h", "Last hour"],
  ["now-3h", "Last 3 hours"], ["now-6h", "Last 6 hours"], ["now-12h", "Last 12 hours"], ["now-24h", "Last 24 hours"],
  ["now-2d", "Last 2 days"], ["now-7d", "Last 7 days"], ["now-30d", "Last 30 days"], ["now-90d", "Last 90 days"],
];

/** Whether times are the reader's, as the button of every page says. */
export function local() {
  try { return localStorage.getItem("zone") !== "utc"; } catch { return true; }
}

/** Read a moment; milliseconds since 1970, null for what is none. */
export function moment(text, now = Date.now()) {
  const relative = /^now(?:([+-])(\d+)([smhdwMy]))?(?:\/([dhm]))?$/.exec(text);
  if (relative) {
    const [, sign, count, unit, round] = relative;
    const at = now + (unit ? (sign === "-" ? -1 : 1) * Number(count) * UNITS[unit] : 0);
    return round ? Math.floor(at / UNITS[round]) * UNITS[round] : at;
  }
  const at = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(at) ? at : null;
}

export const span = (text) => { const it = /^(\d+)([smhd])$/.exec(text || ""); return it ? Number(it[1]) * UNITS[it[2]] : 0; };

function parts(at) {
  const shifted = local() ? new Date(at - new Date(at).getTimezoneOffset() * 6e4) : new Date(at);
  return shifted.toISOString();
}

/** 14:02:31 of today, 2026-01-01 14:02 of another day. */
export function clock(at) {
  const [shown, now] = [parts(at), parts(Date.now())];
  return shown.slice(0, 10) === now.slice(0, 10) ? shown.slice(11, 19) : shown.slice(0, 16).replace("T", " ");
}

/** 2026-01-01 14:02:31.005 */
export const exact = (at) => parts(at).slice(0, 23).replace("T", " ");

/** What an input of type datetime-local holds, and back. */
export const field = (at) => parts(at).slice(0, 16);
export const unfield = (text) => Date.parse(local() ? text : text + "Z");

export function described(from, to) {
  const quick = to === "now" && QUICK.find(([value]) => value === from);
  if (quick) return quick[1];
  return `${clock(moment(from))} to ${to === "now" ? "now" : clock(moment(to))}`;
}

/** How long something took or will take, in the largest unit: 3 min. */
export function since(at, now = Date.now()) {
  const seconds = (now - at) / 1000, size = Math.abs(seconds);
  const [unit, long] = [[86400 * 2, "d", 86400], [7200, "h", 3600], [120, "min", 60], [0, "s", 1]].find(([from]) => size >= from).slice(1);
  const text = `${Math.floor(size / long)} ${unit}`;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800];

/** Seconds between two points, for at most `points` of them. */
export function step(from, to, points, least) {
  const raw = Math.max((to - from) / 1000 / Math.max(points, 10), least);
  return STEPS.find((one) => one >= raw - 1e-9) ?? Math.ceil(raw / 604800) * 604800;
}

export const short = (seconds) => (seconds % 3600 === 0 ? `${seconds / 3600}h` : seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`);
