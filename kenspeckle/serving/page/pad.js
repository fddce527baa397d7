/** The drawing area: mouse, finger, pen, or the arrows of a keyboard. */
import { Strokes } from "./strokes.js";

const STEP = 0.02, FAR = 0.1; // of the side, by the arrows

/** Draw on `canvas`; `changed({ isDown })` is told after each change. */
export class Pad {
  strokes = new Strokes();
  #canvas;
  #changed;
  #pointer = null;
  #cursor = null; // of the keyboard: { x, y, isDown }
  #waits = false;

  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => this.#up(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#leave());
    const schemes = matchMedia("(prefers-color-scheme: dark)");
    schemes.addEventListener("change", () => this.#redraw());
  }

  get isEmpty() {
    return this.strokes.isEmpty;
  }

  undo() {
    this.strokes.undo();
    this.#redraw();
    this.#changed({ isDown: false });
  }

  clear() {
    this.strokes.clear();
    this.#cursor = null;
    this.#redraw();
  }

  #down(event) {
    if (this.#pointer !== null || event.button > 0) return;
    this.#pointer = event.pointerId;
    this.#cursor = null;
    this.#canvas.setPointerCapture(event.pointerId);
    this.strokes.begin(...this.#place(event));
    this.#tell(true);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) this.strokes.move(...this.#place(each));
    this.#tell(true);
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#tell(false);
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== " " && !moves[event.key]) return;
    event.preventDefault();
    this.#cursor ??= { x: 0.5, y: 0.5, isDown: false };
    const cursor = this.#cursor;
    if (event.key === " ") {
      cursor.isDown = !cursor.isDown;
      if (cursor.isDown) this.strokes.begin(cursor.x, cursor.y);
      this.#tell(cursor.isDown);
      return;
    }
    const [right, down] = moves[event.key];
    const step = event.shiftKey ? FAR : STEP;
    cursor.x = inside(cursor.x + right * step);
    cursor.y = inside(cursor.y + down * step);
    if (cursor.isDown) {
      this.strokes.move(cursor.x, cursor.y);
      this.#tell(true);
    } else this.#redraw();
  }

  #leave() {
    if (!this.#cursor) return;
    const wasDown = this.#cursor.isDown;
    this.#cursor = null;
    if (wasDown) this.#tell(false);
    else this.#redraw();
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  #tell(isDown) {
    this.#redraw();
    this.#changed({ isDown });
  }

  /** Once for each frame of the screen. */
  #redraw() {
    if (this.#waits) return;
    this.#waits = true;
    requestAnimationFrame(() => {
      this.#waits = false;
      const { width } = this.#canvas;
      const context = this.#canvas.getContext("2d");
      const colours = getComputedStyle(this.#canvas);
      context.clearRect(0, 0, width, width);
      this.strokes.draw(context, width, colours.getPropertyValue("--stroke"));
      if (this.#cursor) this.#cross(context, width, colours.getPropertyValue("--blue"));
    });
  }

  #cross(context, side, colour) {
    const [x, y] = [this.#cursor.x * side, this.#cursor.y * side];
    context.strokeStyle = colour;
    context.lineWidth = side / 180;
    context.beginPath();
    context.arc(x, y, 0.045 * side, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [0, 1]]) {
      context.moveTo(x - dx * 0.065 * side, y - dy * 0.065 * side);
      context.lineTo(x + dx * 0.065 * side, y + dy * 0.065 * side);
    }
    context.stroke();
  }
}

const inside = (value) => Math.min(1, Math.max(0, value));
