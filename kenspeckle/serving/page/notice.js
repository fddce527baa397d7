/** The one calm line for what does not work; empty when all is well. */
import { byId } from "./elements.js";

let isPassing = false; // said by itself, and gone by itself

/** Say `text`, or nothing. */
export function notice(text = "") {
  isPassing = false;
  say(text);
}

/** Say what will probably pass. */
export function passing(text) {
  isPassing = true;
  say(text);
}

/** It has passed. */
export function passed() {
  if (isPassing) notice();
}

function say(text) {
  const line = byId("notice");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = !text;
}
