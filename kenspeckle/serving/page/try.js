/** The page on which a model is tried: a picture goes out, and the answers come in part by part. */
import { AnswerView, speak } from "./answer.js";
import { ask, newest, Refused, rest } from "./asking.js";
import { byId, show } from "./elements.js";
import { intake } from "./intake.js";
import { clearLayers, showLayers } from "./layers.js";
import { clearNeighbours, showNeighbours } from "./neighbours.js";
import { notice } from "./notice.js";
import { Pad } from "./pad.js";
import { correct, refresh, told, watchRecent } from "./recent.js";
import { SeenView } from "./seen.js";
import { shortcuts } from "./shortcuts.js";
import { percent, visible } from "./words.js";

const ENVELOPE = 65536; // bytes of a form around its pictures, at most
const TOGETHER = 16; // pictures in one request
const SOON = 400; // milliseconds, after which the page says that it waits
const DRAWING = "drawing.png"; // what a drawing is called among the recent answers
const WAITS = "The answer appears as soon as there is a picture.";

const about = await ask("/about.json");
const isInk = about.kind === "ink";
const isSmall = Math.max(about.shape[1], about.shape[2]) <= 64;
let given = null; // a file instead of a drawing
let kept = null; // promise of the key that the picture has among the recent answers
let explained; // the index of a class that was asked about
let leftOut = ""; // what is said of files beside the one that is shown

introduce();
const answers = new AnswerView(about.class_names, (index) => {
  explained = index;
  wish({ isDown: false });
});
const seen = new SeenView();
const pad = isInk ? new Pad(byId("canvas"), drawnOn) : null;
const wish = newest(look);
intake(take);
byId("undo").addEventListener("click", undo);
byId("clear").addEventListener("click", clear);
byId("wrong").addEventListener("click", wrong);
shortcuts({
  o: () => byId("open").click(), u: undo, c: clear, s: () => seen.toggle(),
  ...(isInk ? { d: () => byId("canvas").focus() } : {}),
});
answers.clear(WAITS);
warm();
watchRecent(about.class_names);
document.body.dataset.ready = "";

function introduce() {
  const { card } = about;
  document.title = `${visible(about.name)} · Kenspeckle`;
  byId("title").textContent = visible(about.name);
  const measured = card.validation;
  const facts = [
    `${about.class_names.length} classes`,
    `${about.shape[2]} × ${about.shape[1]} pixels`,
    card.source ? `trained on ${visible(card.source.split("/").at(-1))}` : "",
    measured ? `right about ${percent(measured.accuracy)} of ${measured.n.toLocaleString("en")} pictures of validation` : "",
  ];
  byId("facts").textContent = facts.filter(Boolean).join(" · ");
  byId("canvas").hidden = byId("undo").hidden = !isInk;
  byId("canvas").setAttribute("role", "application");
  byId("canvas").setAttribute("tabindex", isInk ? "0" : "-1");
  byId("canvas").setAttribute("aria-label",
    "Drawing area. Arrow keys move the pen, Space puts it down and lifts it.");
  for (const row of document.querySelectorAll("#keys .ink")) row.hidden = !isInk;
  hint();
}

function hint() {
  const bold = document.createElement("b");
  bold.textContent = isInk ? "Draw a digit" : "Drop a picture";
  byId("hint").replaceChildren(bold, isInk ? "or drop, paste or open a picture" : "or paste or open one");
}

/** The second process of the server starts when it is first asked, so it is asked early. */
async function warm() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 56;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 56, 56);
  context.fillStyle = "#000";
  context.fillRect(24, 10, 8, 36);
  const body = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const parts = isSmall ? "seen,saliency,neighbours" : "seen,saliency";
  fetch(`/insight?parts=${parts}`, { method: "POST", body, headers: { "Content-Type": "image/png" } })
    .catch(() => {}); // the first real question tells what is wrong
}

function drawnOn(change) {
  if (given) forget();
  kept = null;
  explained = undefined;
  refreshTools();
  if (pad.isEmpty) clear();
  else wish(change);
}

function take(files) {
  const most = about.most_bytes - ENVELOPE;
  const tooLarge = files.find((file) => file.size > most);
  if (tooLarge) {
    notice(`${visible(tooLarge.name)}: a picture may have at most ${Math.floor(most / 1e6)} MB`);
    return;
  }
  [given] = files;
  leftOut = "";
  explained = undefined;
  pad?.clear();
  preview(given);
  wish({ isDown: false });
  kept = record(files);
}

function preview(file) {
  const image = byId("preview");
  URL.revokeObjectURL(image.src);
  image.onerror = () => { // a kind that the browser does not know; what the network sees is shown
    image.hidden = true;
    byId("hint").textContent = visible(file.name);
    byId("hint").hidden = false;
  };
  show(image, URL.createObjectURL(file), `Your picture: ${visible(file.name)}`);
  refreshTools();
}

/**
 * Ask as every client does, so that the pictures are among the recent answers; the key of the
 * first there, or undefined where it was refused.
 */
async function record(files) {
  const refused = [], before = await told();
  let first;
  for (const [place, group] of groups(files).entries()) {
    const body = new FormData();
    for (const file of group) body.append("picture", file, file.name);
    try {
      const { predictions } = await ask("/predict", { method: "POST", body });
      if (!place) first = await keyOf(predictions[0], before);
      refused.push(...predictions.filter((item) => item.error));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (files.length > 1) notice(error.message);
    }
    await refresh(about.class_names);
  }
  if (files.length > 1 && refused.length && given === files[0]) {
    leftOut = refused.map((item) => `${visible(item.name)}: ${visible(item.error)}`).join("; ");
    notice(leftOut);
  }
  return first;
}

/** The key of what was just answered: of that name, and not among those of `before`. */
async function keyOf(prediction, before) {
  const now = before && !prediction.error && await told();
  const known = new Set(before?.map((item) => item.key));
  return now ? now.findLast((item) => item.name === prediction.name && !known.has(item.key))?.key : undefined;
}

/** The answer that is shown is not right; a drawing joins the recent answers only by this. */
async function wrong() {
  byId("wrong").hidden = true;
  kept ??= given ? record([given]) : pad.strokes.picture().then(
    (drawn) => record([new File([drawn], DRAWING, { type: drawn.type })]));
  const asked = kept, key = await asked;
  if (asked !== kept) return; // another picture is there by now
  if (key !== undefined && await correct(key, about.class_names)) return;
  kept = null;
  byId("wrong").hidden = false;
  notice("This answer is not among the recent ones. Try again.");
}

/** Files in lists that one request may carry. */
function groups(files) {
  const found = [];
  let room = -1; // none, also for an empty file
  for (const file of files) {
    if (file.size > room || found.at(-1).length === TOGETHER) {
      found.push([]);
      room = about.most_bytes - ENVELOPE;
    }
    found.at(-1).push(file);
    room -= file.size;
  }
  return found;
}

function undo() {
  if (given) clear();
  else pad?.undo();
}

function clear() {
  forget();
  pad?.clear();
  notice();
  hint();
  refreshTools();
  wish(null);
}

function forget() {
  given = kept = null;
  const image = byId("preview");
  URL.revokeObjectURL(image.src);
  image.onerror = null;
  image.hidden = true;
  image.removeAttribute("src");
}

function refreshTools() {
  const isEmpty = !given && (pad?.isEmpty ?? true);
  byId("hint").hidden = !isEmpty;
  byId("undo").disabled = byId("clear").disabled = isEmpty;
}

function nothing(words) {
  byId("wrong").hidden = true;
  byId("spoken").textContent = "";
  answers.clear(words);
  seen.clear();
  clearLayers();
  clearNeighbours();
}

/** Everything about the newest picture: the answer at once, the rest when the pen rests. */
async function look(asked, isNewest) {
  const body = asked && (given ?? (await pad?.strokes.picture()));
  if (!body || (!given && pad.isEmpty)) {
    nothing(WAITS);
    return;
  }
  byId("wrong").hidden = true;
  const isFile = Boolean(given), target = explained;
  const part = (parts) => ask(
    `/insight?parts=${parts}${target === undefined ? "" : `&class=${target}`}`,
    { method: "POST", body, type: body.type || "application/octet-stream", isWanted: isNewest });
  const waiting = setTimeout(() => answers.wait(), SOON);
  let found;
  try {
    found = await part(isSmall ? "seen,answer,saliency,activations" : "seen,answer,saliency");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    nothing(isFile ? "This cannot be answered." : WAITS);
    if (isFile || !asked.isDown) throw error;
    return;
  } finally {
    clearTimeout(waiting);
  }
  notice(given ? leftOut : "");
  if (found.answer.top.some((item) => about.class_names[item.index] !== item.label)) {
    location.reload(); // another model answers by now, and it knows other classes
    return;
  }
  answers.show(found.answer, target);
  seen.show(found.seen, found.saliency);
  if (found.activations) showLayers(found.activations);
  if (asked.isDown || !isNewest()) return;
  await rest(120, isNewest);
  speak(found.answer);
  byId("wrong").hidden = false;
  if (!found.activations) showLayers((await part("activations")).activations);
  while (isNewest()) {
    const { neighbours } = await part("neighbours");
    if (!isNewest()) return;
    showNeighbours(neighbours, found.answer.label);
    if (!neighbours.preparing) return;
    await rest(700, isNewest);
  }
}
