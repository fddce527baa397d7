/** The table of all runs: sorted by any column, by itself or by recipe. */
import { drawn, element, name } from "./elements.js";
import { duration, percent, visible, withInterval } from "./words.js";

const WHISKER = 112; // units of width

/** Columns: a title, what it is sorted by, a cell, and where it is left out. */
const COLUMNS = [
  { title: "Recipe", by: (run) => run.recipe, cell: (run) => element("td", { class: "text" }, name(run.recipe)) },
  { title: "Source", by: (run) => run.source, cell: (run) => element("td", { class: "text wide" }, name(run.source)), place: "wide" },
  { title: "Seed", by: (run) => run.seed, cell: (run) => number(String(run.seed), "wide"), place: "number wide" },
  { title: "Validation", by: (run) => run.validation_accuracy, down: true, cell: (run) => number(percent(run.validation_accuracy, 2)), place: "number" },
  { title: "", cell: (run, range) => element("td", { class: "middle" }, whisker(run, range)), place: "middle" },
  { title: "Test", isNeeded: (runs) => runs.some((run) => run.test_accuracy !== null), by: (run) => run.test_accuracy, down: true, cell: (run) => number(percent(run.test_accuracy, 2), "middle"), place: "number middle" },
  { title: "Epochs", by: (run) => run.epochs, cell: (run) => number(epochs(run), "middle"), place: "number middle" },
  { title: "Time", by: (run) => run.train_seconds, cell: (run) => number(duration(run.train_seconds), "wide"), place: "number wide" },
  { title: "Begun", by: (run) => run.started, down: true, cell: (run) => element("td", { class: "wide" }, begun(run.started)), place: "wide" },
  { title: "Status", by: (run) => run.status, cell: (run) => element("td", {}, element("span", { class: `status ${statusClass(run.status)}` }, visible(run.status))) },
];
const NAME = { title: "Run", by: (run) => run.run };

/** The table; `choose` is called with a run to be compared, `sort` with a title. */
export function board(runs, { order, chosen, shown, choose, sort }) {
  const columns = COLUMNS.filter((each) => each.isNeeded?.(runs) ?? true);
  const column = [NAME, ...COLUMNS].find((each) => each.title === order.title) ?? NAME;
  const sorted = order.title ? [...runs].sort((a, b) => compare(column.by(a), column.by(b), order.down)) : runs;
  const range = spread(runs);
  const head = element("tr", {}, element("td", { class: "check" }), ...[NAME, ...columns].map((each) => header(each, order, sort)));
  const rows = sorted.map((run) => {
    const check = element("input", { type: "checkbox", "aria-label": `Compare ${visible(run.run)}`, "data-key": `check ${run.run}` });
    check.checked = chosen.includes(run.run);
    check.addEventListener("change", () => choose(run.run, check.checked));
    const link = element("a", { href: `#${new URLSearchParams({ run: run.run })}`, "data-key": `link ${run.run}` }, name(run.run));
    if (shown.includes(run.run)) link.setAttribute("aria-current", "true");
    const title = element("th", { scope: "row" }, link);
    if (run.mark) title.append(" ", element("small", { class: "faint" }, visible(run.mark)));
    const row = element("tr", {}, element("td", { class: "check" }, element("label", {}, check)), title, ...columns.map((each) => each.cell(run, range)));
    row.classList.toggle("chosen", shown.includes(run.run));
    return row;
  });
  return element("table", { class: "board" }, element("thead", {}, head), element("tbody", {}, ...rows));
}

/** Finished runs by recipe: mean and deviation over seeds. */
export function groups(found) {
  const titles = [["Recipe"], ["Source"], ["Runs", "number"], ["Seeds", "number middle"], ["Validation", "number"], ["Test", "number"], ["Time", "number middle"]];
  const head = titles.map(([title, place]) => element("th", { scope: "col", class: place }, title));
  const rows = found.map((group) => element("tr", {},
    element("th", { scope: "row" }, name(group.recipe)), element("td", { class: "text" }, name(group.source)),
    number(String(group.runs)), number(String(group.seeds), "middle"),
    number(around(group.accuracy, group.deviation)), number(around(group.test_accuracy, group.test_deviation)),
    number(duration(group.train_seconds), "middle")));
  return element("table", { class: "board" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

function header(column, order, sort) {
  const cell = element("th", { scope: "col", class: column.place });
  if (!column.by) return cell;
  const button = element("button", { type: "button", "data-key": `sort ${column.title}` }, column.title);
  button.addEventListener("click", () => sort(column.title, column.down ?? false));
  if (order.title === column.title) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
  cell.append(button);
  return cell;
}

function compare(a, b, down) {
  if (a === b) return 0;
  if (a === null) return 1; // what is not known comes last
  if (b === null) return -1;
  return (a < b ? -1 : 1) * (down ? -1 : 1);
}

function spread(runs) {
  const ends = runs.flatMap((run) => run.validation_interval ?? []);
  return [Math.min(1, ...ends), Math.max(0, ...ends)];
}

function whisker(run, [low, high]) {
  if (!run.validation_interval || high <= low) return "";
  const along = (value) => (4 + ((value - low) / (high - low)) * (WHISKER - 8)).toFixed(1);
  const [start, end] = run.validation_interval;
  return drawn("svg", { class: "whisker", viewBox: `0 0 ${WHISKER} 16`, role: "img",
    "aria-label": withInterval(run.validation_accuracy, run.validation_interval) },
    drawn("line", { x1: 0, x2: WHISKER, y1: 8, y2: 8 }),
    drawn("line", { class: "span", x1: along(start), x2: along(end), y1: 8, y2: 8 }),
    drawn("circle", { cx: along(run.validation_accuracy), cy: 8, r: 3.6 }));
}

function number(text, place = "") {
  return element("td", { class: `number ${place}` }, text);
}

function around(mean, deviation) {
  if (mean === null) return "";
  return deviation === null ? percent(mean, 2) : `${percent(mean, 2)} ± ${(deviation * 100).toFixed(2)}`;
}

/** A dash where the head of a transfer was fitted and no epoch was needed. */
function epochs(run) {
  return run.epochs || run.validation_accuracy === null ? String(run.epochs) : "–";
}

function begun(text) {
  const moment = new Date(text);
  return Number.isNaN(moment.getTime()) ? "" : moment.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

function statusClass(status) {
  return ["training", "finished", "failed", "killed", "interrupted"].includes(status) ? status : "";
}
