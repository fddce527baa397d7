/** The run browser: what is shown is in the address, and what trains is followed. */
import { ask, Refused } from "./asking.js";
import { board, groups } from "./board.js";
import { comparisonPanel } from "./comparison.js";
import { byId, element } from "./elements.js";
import { notice } from "./notice.js";
import { runPanel } from "./run.js";
import { percent, visible } from "./words.js";

const LIVE = 1500, QUIET = 8000; // milliseconds between looks
let found = { runs: [], groups: [], left_out: 0 };
let told = "", panel = "";
let chosen = [];
let order = { title: "", down: false }; // "" is as the server sends them, the best first
let isGrouped = false;
let turn = 0, timer = 0;

addEventListener("hashchange", () => look());
document.addEventListener("visibilitychange", () => document.hidden || look());
byId("grouping").addEventListener("click", () => {
  isGrouped = !isGrouped;
  byId("grouping").setAttribute("aria-pressed", String(isGrouped));
  drawBoard();
});
byId("compare").addEventListener("click", () => {
  const [first, second] = chosen;
  location.hash = new URLSearchParams({ first, second });
});
await look();
document.body.dataset.ready = "";

/** Ask for everything that is shown, draw what has changed, and come back. */
async function look() {
  clearTimeout(timer);
  const mine = (turn += 1);
  try {
    found = await ask("/runs.json", { isWanted: () => mine === turn });
    if (!location.hash && found.runs.length) history.replaceState(null, "", `#${new URLSearchParams({ run: found.runs[0].run })}`);
    const now = JSON.stringify(found);
    if (now !== told) {
      told = now;
      drawBoard();
    }
    await drawPanel();
    notice();
  } catch (error) {
    if (mine !== turn) return;
    if (!(error instanceof Refused)) throw error;
    notice(error.message);
  }
  if (mine !== turn) return;
  const isLive = found.runs.some((run) => run.status === "training");
  timer = setTimeout(() => document.hidden || look(), isLive ? LIVE : QUIET);
}

function shown() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has("first")) return [asked.get("first"), asked.get("second") ?? ""];
  return asked.has("run") ? [asked.get("run")] : [];
}

function drawBoard() {
  const live = found.runs.filter((run) => run.status === "training").length;
  byId("facts").textContent = [
    `${found.runs.length + found.left_out} runs`, live ? `${live} training` : "",
    found.left_out ? `the best ${found.runs.length} are shown` : "",
  ].filter(Boolean).join(" · ");
  const key = document.activeElement?.dataset?.key;
  const table = isGrouped ? groups(found.groups)
    : board(found.runs, { order, chosen, shown: shown(), choose, sort });
  byId("board-place").replaceChildren(found.runs.length ? table : element("p", { class: "empty" }, "No run here yet. ken train makes one."));
  byId("compare").hidden = isGrouped;
  refocus(byId("board-place"), key);
}

function refocus(place, key) {
  if (key) [...place.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key)?.focus();
}

function choose(run, isChosen) {
  chosen = isChosen ? [...chosen.slice(-1), run] : chosen.filter((each) => each !== run);
  byId("compare").disabled = chosen.length !== 2;
  drawBoard();
}

function sort(title, down) {
  order = order.title === title ? { title, down: !order.down } : { title, down };
  drawBoard();
}

async function drawPanel() {
  const names = shown();
  if (!names.length) return;
  const runs = await Promise.all(names.map((run) => ask(`/runs/one.json?${new URLSearchParams({ run })}`)));
  const difference = names.length === 2 ? await compared(names) : null;
  const now = JSON.stringify([runs, difference]);
  if (now === panel || names.join("\n") !== shown().join("\n")) return;
  const isSame = panel && JSON.stringify(JSON.parse(panel)[0].map((run) => run.run)) === JSON.stringify(names);
  panel = now;
  const place = byId("detail");
  const open = isSame ? [...place.querySelectorAll("details[open]")].map((each) => each.dataset.key) : [];
  place.hidden = false;
  place.replaceChildren(...(difference ? comparisonPanel(runs, difference) : runPanel(runs[0])));
  for (const each of place.querySelectorAll("details")) each.open = open.includes(each.dataset.key);
  drawBoard();
  const last = runs[0].epochs_done.at(-1);
  if (isSame && last && runs.length === 1) {
    byId("spoken").textContent = `${visible(runs[0].run)}, epoch ${last.epoch}: ${percent(last.validation_accuracy, 2)}`;
  }
}

/** The difference of two runs, or why there is none yet. */
async function compared([first, second]) {
  try {
    return await ask(`/runs/comparison.json?${new URLSearchParams({ first, second })}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { error: error.message };
  }
}
