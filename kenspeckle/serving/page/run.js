/** One run: its result, its curves, its settings. */
import { chart } from "./curves.js";
import { element, name } from "./elements.js";
import { percent, round, visible } from "./words.js";

/** The panel of a run as the server tells it. */
export function runPanel(run) {
  const heading = element("div", { class: "heading" }, element("h2", {}, name(run.run)));
  if (run.has_report) {
    heading.append(element("a", { href: `/runs/report?${new URLSearchParams({ run: run.run })}`, target: "_blank", rel: "noopener" }, "The report"));
  }
  const parts = [heading, headline(run)];
  if (run.failure) parts.push(element("p", { class: "notice" }, visible(run.failure)));
  const epochs = run.epochs_done;
  if (epochs.length > 1) parts.push(curves(run, epochs));
  if (epochs.length) parts.push(numbers(epochs));
  else parts.push(element("p", { class: "faint" }, "No epoch is finished here."));
  if (run.results.length) parts.push(results(run.results));
  if (run.config) {
    parts.push(element("details", { "data-key": "settings" }, element("summary", {}, "All settings"), element("pre", { tabindex: "0" }, visibleLines(run.config))));
  }
  return parts;
}

function headline(run) {
  const share = run.validation_accuracy;
  const words = [];
  if (run.validation_interval) {
    const [low, high] = run.validation_interval.map((end) => (end * 100).toFixed(2));
    const when = run.epochs ? `after epoch ${run.epochs}` : "by the head alone";
    words.push(`${run.status === "training" ? when : "right on validation"}; 95\u00a0%\u00a0interval ${low} to ${high}\u00a0%, n\u00a0=\u00a0${run.validation_n.toLocaleString("en")}`);
  }
  words.push(`${visible(run.recipe)} on ${visible(run.source)}, seed ${run.seed}, ${visible(run.status)}`);
  if (share === null) words.unshift(withoutResult(run.status));
  const told = element("span", {}, words[0], element("br"), words[1] ?? "");
  return element("p", { class: "headline" }, share === null ? "" : element("strong", {}, percent(share, 2)), told);
}

/** What is the case where there is no accuracy. */
function withoutResult(status) {
  if (status === "training") return "No result yet.";
  return status === "finished" ? "No result on validation." : "It ended without a result.";
}

function curves(run, epochs) {
  const at = (key) => epochs.flatMap((epoch) => epoch[key] === undefined || epoch[key] === null ? [] : [[epoch.epoch, epoch[key]]]);
  const band = epochs.flatMap((epoch) => epoch.low === undefined ? [] : [[epoch.epoch, epoch.low, epoch.high]]);
  const kept = (series) => series.filter((each) => each.points.length);
  const accuracy = { title: "accuracy", format: shares, series: kept([
    { name: "accuracy, validation", colour: "blue", points: at("validation_accuracy"), band },
    { name: "accuracy, training", colour: "blue", dashed: true, points: at("accuracy") }]) };
  const loss = { title: "loss", format: losses, series: kept([
    { name: "loss, validation", colour: "orange", points: at("validation_loss") },
    { name: "loss, training", colour: "orange", dashed: true, points: at("loss") }]) };
  const words = `Accuracy and loss of ${epochs.length} epochs of ${visible(run.run)}; the numbers are in the table below`;
  const measures = [accuracy, loss].filter((measure) => measure.series.length);
  return measures.length ? chart(words, ...measures) : element("p", { class: "faint" }, "No numbers in its epochs.");
}

/** Shares as percent, finer for a single value. */
export const shares = (value, isExact = false) => isExact ? percent(value, 2) : `${round(value * 100)} %`;

/** Losses with the digits that tell them apart. */
export const losses = (value, isExact = false) => isExact ? value.toFixed(4) : String(Number(value.toPrecision(3)));

function numbers(epochs) {
  const keys = [["epoch", (epoch) => epoch ? String(epoch) : "head"], ["accuracy", shares], ["validation_accuracy", shares], ["loss", losses], ["validation_loss", losses]];
  const titles = ["Epoch", "Accuracy, training", "Accuracy, validation", "Loss, training", "Loss, validation"];
  const rows = epochs.slice(-500).map((epoch) => element("tr", {}, ...keys.map(([key, format]) =>
    element("td", { class: "number" }, epoch[key] === undefined || epoch[key] === null ? "" : format(epoch[key], true)))));
  const head = titles.map((title) => element("th", { scope: "col", class: "number" }, title));
  return element("details", { "data-key": "numbers" }, element("summary", {}, "The numbers"),
    element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows))));
}

function results(found) {
  const head = ["Split", "Accuracy", "95 % interval", "n", "Role"].map((title, place) =>
    element("th", { scope: "col", class: place && place < 4 ? "number" : undefined }, title));
  const rows = found.map((result) => element("tr", {}, element("th", { scope: "row" }, name(result.split)),
    element("td", { class: "number" }, percent(result.accuracy, 2)),
    element("td", { class: "number" }, result.interval ? result.interval.map((end) => (end * 100).toFixed(2)).join(" to ") : ""),
    element("td", { class: "number" }, result.n.toLocaleString("en")), element("td", { class: "text" }, visible(result.role))));
  return element("div", { class: "scroll plain" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)));
}

function visibleLines(text) {
  return text.split("\n").map(visible).join("\n");
}
