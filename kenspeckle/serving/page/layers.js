/** What every layer answers, as sheets of maps. */
import { byId, element, show } from "./elements.js";

const rows = new Map(); // by the name of the layer: { image, words }

/** Show the sheets; those of layers that are there already only change. */
export function showLayers({ layers = [] }) {
  byId("layers").hidden = layers.length === 0;
  for (const layer of layers) {
    const row = rows.get(layer.name) ?? added(layer.name);
    row.words.textContent = words(layer);
    show(row.image, layer.sheet, `Layer ${layer.name}: ${words(layer)}; ${layer.active} of them answer`);
    row.image.setAttribute("width", layer.sheet_width);
    row.image.setAttribute("height", layer.sheet_height);
  }
}

/** Nothing to be seen. */
export function clearLayers() {
  byId("layers").hidden = true;
}

function added(name) {
  const row = { image: element("img", { class: "sharp" }), words: element("span", { class: "faint" }) };
  byId("layer-list").append(element("li", {}, element("p", {}, element("code", {}, name), row.words), row.image));
  rows.set(name, row);
  return row;
}

function words(layer) {
  const kind = layer.height * layer.width > 1
    ? `${layer.units} maps of ${layer.height} × ${layer.width}` : `${layer.units} numbers`;
  return layer.shown < layer.units ? `${kind}, ${layer.shown} shown` : kind;
}
