/** Asking the server: only the newest wish counts, and what may pass is asked again. */
import { notice, passed, passing } from "./notice.js";
import { visible } from "./words.js";

const PATIENCE = 60_000; // milliseconds for one answer
const ATTEMPTS = 6; // at what a server refuses that is there
const PAUSES = [500, 1000, 2000, 4000, 8000]; // milliseconds between attempts

/** The server refuses what was asked; `message` is its one line. */
export class Refused extends Error {}

/** Somebody asked for something newer meanwhile. */
export class Superseded extends Error {}

/**
 * A function that hands its newest argument to `ask`, one at a time: of the wishes that come
 * meanwhile only the last is kept. `ask` gets the wish and a function that tells whether it is
 * still the newest.
 */
export function newest(ask) {
  let waiting = [];
  let running = false;
  return async (wish) => {
    waiting = [wish];
    if (running) return;
    running = true;
    try {
      while (waiting.length) {
        const [next] = waiting.splice(0);
        await ask(next, () => waiting.length === 0).catch(tell);
      }
    } finally {
      running = false;
    }
  };
}

/** The JSON that `path` answers; asked again while the server is busy or gone. */
export async function ask(path, { method = "GET", body, type, isWanted = () => true } = {}) {
  const headers = type ? { "Content-Type": type } : {};
  for (let attempt = 0; ; attempt += 1) {
    let response, pause = PAUSES[Math.min(attempt, PAUSES.length - 1)];
    try {
      response = await fetch(path, { method, body, headers, signal: AbortSignal.timeout(PATIENCE) });
      if (response.ok) {
        const found = await response.json();
        passed();
        return found;
      }
    } catch {
      passing("The server does not answer. Trying again…");
    }
    if (response) {
      const mayPass = [408, 429, 502, 503, 504].includes(response.status);
      if (!mayPass || attempt >= ATTEMPTS) throw new Refused(await reason(response));
      passing("The server is busy. Trying again…");
      pause = Math.max(pause, 1000 * (Number(response.headers.get("Retry-After")) || 0));
    }
    await rest(Math.min(pause, 15_000), isWanted);
  }
}

/** Wait, but no longer than the wish counts. */
export async function rest(milliseconds, isWanted = () => true) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    await new Promise((done) => setTimeout(done, Math.min(100, milliseconds)));
    if (!isWanted()) throw new Superseded();
  }
}

function tell(error) {
  if (error instanceof Refused) notice(error.message);
  else if (!(error instanceof Superseded)) throw error;
}

async function reason(response) {
  try {
    const { error } = await response.json();
    const line = visible(error);
    return line.charAt(0).toUpperCase() + line.slice(1);
  } catch {
    return `The server refused this (status ${response.status}).`;
  }
}
