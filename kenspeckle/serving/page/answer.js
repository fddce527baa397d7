/** The verdict and the probabilities of the classes. */
import { byId, element } from "./elements.js";
import { percent, round, verdict, visible } from "./words.js";

const ALL = 10; // classes that are always shown, in their own order

/** Shows answers; `explain(index)` is called with a class whose bar is pressed. */
export class AnswerView {
  #bars = [];
  #fixed = false;
  #waiting = "waits"; // how the sign that there is no answer yet looks

  constructor(classes, explain) {
    this.#fixed = classes.length <= ALL;
    const count = Math.min(classes.length, ALL);
    const longest = Math.max(...classes.slice(0, 5000).map((label) => label.length));
    byId("bars").classList.toggle("words", longest > 2);
    if (longest <= 3) this.#waiting = "waits short";
    for (let place = 0; place < count; place += 1) {
      const parts = { label: element("bdi"), fill: element("span", { class: "fill" }), share: element("span", { class: "share" }) };
      const button = element("button", { type: "button", "aria-pressed": "false", disabled: true }, parts.label, element("span", { class: "track" }, parts.fill), parts.share);
      const row = element("li", {}, button);
      const bar = { ...parts, button, row, index: place };
      button.addEventListener("click", () => explain(bar.index));
      if (this.#fixed) parts.label.textContent = visible(classes[place]);
      row.hidden = !this.#fixed;
      this.#bars.push(bar);
      byId("bars").append(row);
    }
  }

  /** Show an answer; `explained` is the index of the class whose saliency is on. */
  show(answer, explained) {
    const best = answer.top[0];
    const shown = this.#fixed ? [...answer.top].sort((a, b) => a.index - b.index) : answer.top;
    shown.forEach((item, place) => {
      const bar = this.#bars[place];
      bar.index = item.index;
      bar.row.hidden = false;
      bar.button.disabled = false;
      if (!this.#fixed) bar.label.textContent = visible(item.label);
      bar.fill.style.setProperty("--share", item.probability);
      bar.share.textContent = percent(item.probability);
      bar.row.classList.toggle("best", item.index === best.index);
      bar.button.setAttribute("aria-pressed", String(item.index === (explained ?? best.index)));
    });
    this.#call(answer.value === null ? best.label : round(answer.value));
    byId("sure").textContent = answer.value === null ? percent(best.probability) : "";
    byId("sentence").textContent = verdict(answer);
    const others = answer.classes - shown.length;
    const left = 1 - shown.reduce((sum, item) => sum + item.probability, 0);
    byId("rest").hidden = others <= 0;
    byId("rest").textContent = `${others} other classes together: ${percent(Math.max(0, left))}`;
  }

  /** Nothing to be told. */
  clear(words) {
    const called = byId("called");
    called.textContent = "?";
    called.className = this.#waiting;
    byId("sure").textContent = "";
    byId("sentence").textContent = words;
    for (const bar of this.#bars) {
      bar.fill.style.setProperty("--share", 0);
      bar.share.textContent = "";
      bar.row.classList.remove("best");
      bar.button.disabled = true;
      bar.button.setAttribute("aria-pressed", "false");
    }
    byId("rest").hidden = true;
  }

  /** The question is on its way. */
  wait() {
    byId("sentence").textContent = "Looking…";
  }

  #call(label) {
    const called = byId("called");
    called.textContent = visible(label);
    called.className = called.textContent.length <= 3 ? "short" : "";
  }
}

/** Tell those who listen, once the picture rests. */
export function speak(answer) {
  byId("spoken").textContent = verdict(answer);
}
