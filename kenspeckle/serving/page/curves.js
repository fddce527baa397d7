/** Curves over epochs as SVG, with an axis at each side where two measures share a chart. */
import { drawn, element, name } from "./elements.js";

const HEIGHT = 270, TOP = 14, BOTTOM = 34, SIDE = 52, BARE = 14;

/**
 * One measure: its series share an axis.
 * @typedef {{ name: string, colour: string, dashed?: boolean, points: number[][], band?: number[][] }} Series
 * @typedef {{ title: string, format: (value: number) => string, series: Series[] }} Measure
 * @param {string} words what it shows, for those who do not see it
 * @param {Measure} left
 * @param {Measure} [right]
 */
export function chart(words, left, right) {
  const place = element("div");
  const legend = element("ul", { class: "legend" });
  const figure = element("figure", { class: "chart" }, place, legend);
  for (const series of [...left.series, ...(right?.series ?? [])]) legend.append(key(series));
  let width = 0;
  const redraw = () => {
    const now = Math.round(place.clientWidth) || 560;
    if (now === width) return;
    width = now;
    place.replaceChildren(plot(words, left, right, width));
  };
  new ResizeObserver(redraw).observe(place);
  return figure;
}

function plot(words, left, right, width) {
  const frame = { left: SIDE, right: width - (right ? SIDE : BARE), top: TOP, bottom: HEIGHT - BOTTOM };
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": words });
  const all = [...left.series, ...(right?.series ?? [])].flatMap((series) => series.points);
  const last = Math.max(1, ...all.map(([x]) => x)), first = Math.min(last, ...all.map(([x]) => x));
  const along = (x) => last === first ? (frame.left + frame.right) / 2
    : frame.left + ((x - first) / (last - first)) * (frame.right - frame.left);
  for (const tick of wholes(first, last, Math.max(2, Math.floor(width / 90)))) {
    svg.append(drawn("text", { x: along(tick), y: frame.bottom + 18, "text-anchor": "middle" }, String(tick)));
  }
  svg.append(drawn("text", { x: frame.right, y: HEIGHT - 2, "text-anchor": "end" }, "epoch"));
  const measures = [[left, "left"], [right, "right"]].filter(([measure]) => measure);
  for (const [measure, side] of measures) drawMeasure(svg, measure, side, frame, along);
  hover(svg, measures.map(([measure]) => measure), frame, along);
  return svg;
}

function drawMeasure(svg, measure, side, frame, along) {
  const values = measure.series.flatMap((series) =>
    [...series.points.map(([, y]) => y), ...(series.band ?? []).flatMap(([, low, high]) => [low, high])]);
  const ticks = steps(Math.min(...values), Math.max(...values));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const up = (y) => frame.bottom - ((y - low) / (high - low)) * (frame.bottom - frame.top);
  for (const tick of ticks) {
    if (side === "left") svg.append(drawn("line", { class: "grid", x1: frame.left, x2: frame.right, y1: up(tick), y2: up(tick) }));
    const x = side === "left" ? frame.left - 8 : frame.right + 8;
    svg.append(drawn("text", { x, y: up(tick) + 4, "text-anchor": side === "left" ? "end" : "start" }, measure.format(tick)));
  }
  measure.up = up;
  for (const series of measure.series) {
    if (series.band?.length > 1) {
      const upper = series.band.map(([x, , top]) => `${along(x)},${up(top)}`);
      const lower = series.band.map(([x, bottom]) => `${along(x)},${up(bottom)}`).reverse();
      svg.append(drawn("polygon", { class: `band ${series.colour}`, points: [...upper, ...lower].join(" ") }));
    }
    const points = series.points.map(([x, y]) => `${along(x)},${up(y)}`).join(" ");
    svg.append(drawn("polyline", { class: `line ${series.colour}${series.dashed ? " dashed" : ""}`, points }));
    if (series.points.length <= 40 && !series.dashed) {
      for (const [x, y] of series.points) svg.append(drawn("circle", { class: `dot ${series.colour}`, cx: along(x), cy: up(y), r: 3.6 }));
    }
  }
}

/** The numbers of the epoch under the pointer. */
function hover(svg, measures, frame, along) {
  const line = drawn("line", { class: "here", y1: frame.top, y2: frame.bottom, visibility: "hidden" });
  const text = drawn("text", { class: "title", y: frame.top - 3, "text-anchor": "middle" });
  svg.append(line, text);
  const epochs = [...new Set(measures.flatMap((m) => m.series).flatMap((s) => s.points.map(([x]) => x)))];
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = (event.clientX - box.left) * (svg.viewBox.baseVal.width / box.width);
    const nearest = epochs.reduce((a, b) => Math.abs(along(a) - at) <= Math.abs(along(b) - at) ? a : b, epochs[0]);
    if (nearest === undefined) return;
    const told = measures.flatMap((measure) => measure.series.map((series) => {
      const found = series.points.find(([x]) => x === nearest);
      return found ? measure.format(found[1], true) : null;
    })).filter(Boolean);
    line.setAttribute("x1", along(nearest));
    line.setAttribute("x2", along(nearest));
    line.setAttribute("visibility", "visible");
    text.textContent = `epoch ${nearest}: ${told.join(" · ")}`;
    const half = text.getComputedTextLength() / 2;
    text.setAttribute("x", Math.min(Math.max(along(nearest), half), svg.viewBox.baseVal.width - half));
  });
  svg.addEventListener("pointerleave", () => {
    line.setAttribute("visibility", "hidden");
    text.textContent = "";
  });
}

function key(series) {
  const line = drawn("line", { class: `line ${series.colour}${series.dashed ? " dashed" : ""}`, x1: 0, x2: 26, y1: 6, y2: 6 });
  return element("li", {}, drawn("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" }, line), name(series.name));
}

/** Round numbers from just below `low` to just above `high`. */
export function steps(low, high) {
  const span = high - low || Math.abs(high) * 0.1 || 1;
  const raw = span / 4, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const start = Math.floor(low / step + 1e-9), end = Math.max(start + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: end - start + 1 }, (_, n) => Number(((start + n) * step).toPrecision(12)));
}

function wholes(first, last, most) {
  const step = Math.max(1, Math.ceil((last - first) / most));
  const found = [];
  for (let value = first; value <= last; value += step) found.push(value);
  return found;
}
