/** Two runs side by side: how far their results differ, their curves, and what was set differently. */
import { chart } from "./curves.js";
import { element, name, setting } from "./elements.js";
import { losses, shares } from "./run.js";
import { visible } from "./words.js";

/** The panel of a comparison; `runs` are both as the server tells them, `found` their difference. */
export function comparisonPanel(runs, found) {
  const [first, second] = runs;
  const heading = element("div", { class: "heading" }, element("h2", {},
    element("span", { class: "first" }, name(first.run)), " and ", element("span", { class: "second" }, name(second.run))));
  const parts = [heading];
  if (found.error) parts.push(element("p", { class: "faint" }, `Their results cannot be compared: ${visible(found.error)}`));
  for (const result of found.results ?? []) parts.push(verdict(result, found));
  const charts = [["validation_accuracy", "Accuracy on validation", shares], ["validation_loss", "Loss on validation", losses]]
    .map(([key, title, format]) => curve(runs, key, title, format)).filter(Boolean);
  if (charts.length) parts.push(element("div", { class: "charts" }, ...charts));
  if (found.settings) {
    parts.push(element("h3", {}, "What was set differently"), pairs(differences(found), found.runs));
  }
  return parts;
}

function verdict(result, found) {
  const [first, second] = found.runs;
  // told in the direction of the sentence: how far the better one is above the other
  const ends = result.interval.map((end) => end * 100 * (result.difference < 0 ? -1 : 1));
  const low = Math.min(...ends), high = Math.max(...ends);
  const points = Math.abs(result.difference * 100).toFixed(2);
  const better = visible(result.difference > 0 ? second : first), other = visible(result.difference > 0 ? first : second);
  const isClear = low > 0 || high < 0;
  const apart = isClear ? `${better} is better than ${other}` : "The two cannot be told apart";
  const split = visible(result.split);
  const sentence = isClear && areOfOtherData(found)
    ? `The share on ${split} is higher for ${better}, but on other data: this does not tell which network is better.`
    : `${apart} on ${split}.`;
  const items = result.is_paired ? `the same ${result.counts[0].toLocaleString("en")} pictures`
    : `${result.counts.map((n) => n.toLocaleString("en")).join(" and ")} pictures, not known to be the same`;
  return element("p", { class: "headline" }, element("strong", {}, `${points} points`),
    element("span", {}, sentence, element("br"),
      `95 % interval of the difference ${low.toFixed(2)} to ${high.toFixed(2)} points, by ${items}.`));
}

/** Whether the runs learned from sources of other names and other pictures. */
function areOfOtherData({ settings, facts }) {
  return settings.some((pair) => pair.name === "source") && facts.some((pair) => pair.name === "data");
}

function curve(runs, key, title, format) {
  const series = runs.map((run, place) => ({
    name: run.run, colour: place ? "orange" : "blue",
    points: run.epochs_done.flatMap((epoch) => epoch[key] === undefined || epoch[key] === null ? [] : [[epoch.epoch, epoch[key]]]),
    band: key === "validation_accuracy" ? run.epochs_done.flatMap((epoch) => epoch.low === undefined ? [] : [[epoch.epoch, epoch.low, epoch.high]]) : [],
  })).filter((each) => each.points.length);
  if (!series.length) return null;
  const figure = chart(`${title} of ${series.map((each) => visible(each.name)).join(" and ")}`, { title, format, series });
  figure.prepend(element("h3", {}, title));
  return figure;
}

/** A SHA-256 as its first twelve digits, which are enough to see that it differs. */
function shortened(value) {
  return /^[0-9a-f]{64}$/.test(value) ? `${value.slice(0, 12)}…` : value;
}

/** Settings, and the facts that are no settings too. */
function differences({ settings, facts }) {
  const known = new Set(settings.map((pair) => pair.name));
  return [...settings, ...facts.filter((pair) => !known.has(pair.name))];
}

function pairs(found, [first, second]) {
  if (!found.length) return element("p", { class: "faint" }, "Nothing.");
  const side = (value, run, place) => {
    const told = element("span", { class: place }, value === "" ? "–" : name(shortened(value)));
    told.setAttribute("title", `${visible(run)}: ${visible(value)}`);
    return told;
  };
  const rows = found.map((pair) => element("li", {}, setting(pair.name),
    side(pair.first, first, "first"), side(pair.second, second, "second")));
  return element("ul", { class: "changes" }, ...rows);
}
