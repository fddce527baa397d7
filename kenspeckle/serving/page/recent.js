/** A contact sheet of recent answers, each of which may be called wrong. */
import { ask, Refused } from "./asking.js";
import { byId, element, name } from "./elements.js";
import { notice } from "./notice.js";
import { percent, visible } from "./words.js";

const PAUSE = 4000; // milliseconds
const FIRST = 24; // answers, until all are asked for
let before = "";
let isAll = false;

/** Keep the sheet as it is on the server; the page asks only while somebody looks at it. */
export async function watchRecent(classes) {
  for (;;) {
    if (!document.hidden) await refresh(classes);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

/** Ask once; with `force` also while somebody chooses a class. */
export async function refresh(classes, { force = false } = {}) {
  const items = await told();
  if (!items) return;
  const now = JSON.stringify(items);
  const list = byId("recent-list");
  if (!force && (now === before || list.querySelector("form"))) return; // nobody's choice is taken away
  before = now;
  byId("recent").hidden = items.length === 0;
  const shown = isAll ? items : items.slice(0, FIRST);
  list.replaceChildren(...shown.map((item) => tile(item, classes)));
  const more = byId("more");
  more.hidden = shown.length === items.length;
  more.textContent = `Show all ${items.length}`;
  more.onclick = () => {
    isAll = true;
    before = "";
    refresh(classes);
  };
}

/** The recent answers, newest first; null where the server does not tell. */
export async function told() {
  try {
    const response = await fetch("/recent");
    return response.ok ? await response.json() : null;
  } catch {
    return null; // whoever asks for something says that the server is gone
  }
}

/** Ask for the right class of the answer `key`; whether that answer is still there. */
export async function correct(key, classes) {
  const place = () => [...byId("recent-list").children].find((one) => one.dataset.key === key);
  await refresh(classes, { force: true });
  if (!place()) {
    isAll = true; // it may be older than those that are shown
    await refresh(classes, { force: true });
  }
  place()?.querySelector("button")?.click();
  place()?.scrollIntoView({ block: "nearest" });
  return Boolean(place());
}

function tile(item, classes) {
  const image = element("img", {
    src: `/recent/picture?key=${encodeURIComponent(item.key)}`,
    alt: `${visible(item.name)}: ${visible(item.label)}`, loading: "lazy",
  });
  const caption = element("figcaption", {},
    element("b", {}, name(item.label)), " ",
    element("span", { class: "whole" }, percent(item.probability, 0).replace("> ", "above ")), element("small", {}, name(item.name)));
  const made = element("li", { "data-key": item.key }, element("figure", {}, image, caption));
  if (item.marked) caption.append(noted(item.marked));
  else made.append(wrong(item, classes, made, caption));
  return made;
}

function wrong(item, classes, place, caption) {
  const button = element("button", { type: "button", class: "quiet" }, "This is wrong");
  button.setAttribute("aria-label", `This is wrong: ${visible(item.name)}, ${visible(item.label)}`);
  button.addEventListener("click", () => {
    const choice = element("select", { "aria-label": "The right class", required: true },
      element("option", { value: "" }, "It is…"),
      ...classes.flatMap((label, index) => label === item.label ? []
        : [element("option", { value: index }, visible(label))]));
    const form = element("form", {}, choice, element("button", { class: "primary" }, "Note it"));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const label = classes[Number(choice.value)];
      try {
        await ask("/review", { method: "POST", type: "application/json", body: JSON.stringify({ key: item.key, label }) });
        form.remove();
        caption.append(noted(label));
        byId("spoken").textContent = `Noted: ${visible(label)}`;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        notice(error.message);
      }
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      form.replaceWith(button);
      button.focus();
    });
    button.replaceWith(form);
    choice.focus();
  });
  return button;
}

function noted(label) {
  return element("small", { class: "noted" }, "Noted: ", name(label));
}
