/** The training pictures that the network finds most alike. */
import { byId, element, name } from "./elements.js";
import { visible } from "./words.js";

/** Show them, or say why there are none. */
export function showNeighbours(found, said) {
  const list = byId("neighbour-list"), words = byId("neighbour-words");
  byId("neighbours").hidden = false;
  if (found.preparing || found.error) {
    list.replaceChildren();
    words.textContent = found.error
      ? `They cannot be shown: ${visible(found.error)}` : "Reading the training pictures…";
    return;
  }
  list.replaceChildren(...found.pictures.map((item) => {
    const image = element("img", { alt: `Training picture of ${visible(item.label)}`, src: item.picture });
    image.addEventListener("load", () => image.classList.toggle("sharp", image.naturalWidth <= 64));
    const caption = element("figcaption", {}, element("b", {}, name(item.label)));
    if (!item.agrees) caption.append(element("small", {}, "another class"));
    const tile = element("li", {}, element("figure", {}, image, caption));
    tile.classList.toggle("other", !item.agrees);
    return tile;
  }));
  const others = found.pictures.filter((item) => !item.agrees).length;
  const agree = others ? `${others} of ${found.pictures.length} ${others === 1 ? "is" : "are"} not of the class ${visible(said)}`
    : `all ${found.pictures.length} are of the class ${visible(said)}`;
  words.textContent = `The nearest of ${found.searched.toLocaleString("en")} training pictures; ${agree}.`;
}

/** Nothing to be seen. */
export function clearNeighbours() {
  byId("neighbours").hidden = true;
}
