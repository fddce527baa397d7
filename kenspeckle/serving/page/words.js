/** How names and numbers are told. Names come from nobody we know: every letter must show. */

// controls, what changes the direction of text, what has no width, halves of letters, no letters
const HIDDEN = new RegExp(
  "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f" +
  "\\ud800-\\udfff\\ufdd0-\\ufdef\\ufeff\\ufff0-\\ufffb\\ufffe\\uffff" +
  Array.from({ length: 16 }, (_, plane) => {
    const last = (((plane + 1) << 16) | 0xfffe).toString(16);
    const very = (((plane + 1) << 16) | 0xffff).toString(16);
    return `\\u{${last}}\\u{${very}}`;
  }).join("") + "]", "gu");

/** `text` with an escape, such as \x00 or \u202e, for each letter that does not show. */
export function visible(text) {
  return String(text).replace(HIDDEN, (letter) => {
    const code = letter.codePointAt(0);
    if (letter === "\n") return "\\n";
    if (code < 256) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 65536) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
}

/** 0.9931 as "99.3 %"; what rounds to all or nothing says so. */
export function percent(share, digits = 1) {
  if (share === null || share === undefined) return "";
  const least = 10 ** -digits;
  if (share > 0 && share * 100 < least / 2) return `< ${least} %`;
  if (share < 1 && share * 100 > 100 - least / 2) return `> ${(100 - least).toFixed(digits)} %`;
  return `${(share * 100).toFixed(digits)} %`;
}

/** An accuracy with its 95 % interval. */
export function withInterval(share, interval) {
  if (share === null || share === undefined) return "";
  if (!interval) return percent(share, 2);
  const [low, high] = interval.map((end) => (end * 100).toFixed(2));
  return `${percent(share, 2)} (${low} to ${high})`;
}

/** The verdict as a sentence, as sure as the numbers are; no line ends before a "%". */
export function verdict(answer) {
  return sentence(answer).replaceAll(" %", "\u00a0%");
}

function sentence(answer) {
  const [best, second] = answer.top;
  const label = visible(best.label);
  const share = percent(best.probability).replace("> ", "above ");
  if (answer.value !== null) return `About ${round(answer.value)}; nearest class ${label}, ${share}.`;
  if (best.probability >= 0.9 || !second) return `The network says ${label}, with probability ${share}.`;
  const other = `${visible(second.label)} has ${percent(second.probability).replace("< ", "below ")}`;
  if (best.probability >= 0.5) return `Probably ${label}, ${share}; ${other}.`;
  return `Not sure: ${label} has ${share}, ${other}.`;
}

/** A number with two decimals at most. */
export function round(value) {
  return String(Math.round(value * 100) / 100);
}

/** Seconds as people say them. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
