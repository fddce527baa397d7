/** What the network is given, and over it what the answer comes from. */
import { byId, show } from "./elements.js";
import { visible } from "./words.js";

const SMALL = 64; // pixels a side, up to which each is to be seen

/** Shows the picture in the frame of the network's input. */
export class SeenView {
  #strength = byId("strength");
  #before = 70; // where the slider was when the map was hidden

  constructor() {
    this.#strength.addEventListener("input", () => this.#mix());
    this.#mix();
  }

  show(seen, saliency) {
    const words = `What the network sees: ${seen.width} by ${seen.height} pixels`;
    show(byId("seen-picture"), seen.picture, words);
    byId("seen-picture").classList.toggle("sharp", Math.max(seen.width, seen.height) <= SMALL);
    if (saliency.error) {
      byId("overlay").hidden = true;
      byId("seen-words").textContent = `What the answer comes from cannot be shown: ${visible(saliency.error)}`;
      return;
    }
    const label = visible(saliency.label);
    show(byId("overlay"), saliency.overlay, `What speaks for ${label}, by ${saliency.method}`);
    byId("overlay").classList.toggle("sharp", Math.max(seen.width, seen.height) <= SMALL);
    const method = saliency.method.charAt(0).toUpperCase() + saliency.method.slice(1);
    const colours = saliency.signed
      ? `red speaks for ${label}, blue against it`
      : `bright is what ${label} comes from`;
    const views = seen.views > 1 ? ` The middle one of ${seen.views} parts that are looked at.` : "";
    byId("seen-words").textContent = `${seen.width} × ${seen.height} pixels. ${method}: ${colours}.${views}`;
  }

  clear() {
    byId("seen-picture").hidden = byId("overlay").hidden = true;
    byId("seen-words").textContent = "";
  }

  /** Hide the map, or show it as it was. */
  toggle() {
    const value = Number(this.#strength.value);
    if (value) this.#before = value;
    this.#strength.value = value ? 0 : this.#before;
    this.#mix();
  }

  #mix() {
    byId("overlay").style.opacity = Number(this.#strength.value) / 100;
  }
}
