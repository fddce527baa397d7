/** Elements made of data: text is only ever text, and nothing is parsed. */
import { visible } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** The element of the page with an id. */
export const byId = (id) => document.getElementById(id);

/** An element with attributes and children, which are nodes or text. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A name in a box of its own that no direction of writing leaves. */
export function name(text) {
  return element("bdi", {}, visible(text));
}

/** The name of a setting, which ends a line after a dot or an underscore alone. */
export function setting(text) {
  const parts = visible(text).split(/(?<=[._])(?=\p{L})/u);
  return element("span", { class: "setting" }, ...parts.flatMap((part, place) => place ? [element("wbr"), part] : [part]));
}

/** Set the picture of an image, and show it. */
export function show(image, address, words) {
  image.src = address;
  image.alt = words;
  image.hidden = false;
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}
