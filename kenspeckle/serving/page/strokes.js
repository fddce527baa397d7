/** Strokes of a pen in a square of side 1: kept as points, so that they are drawn at any size. */

const WIDTH = 0.075; // of the pen

/** What has been drawn. */
export class Strokes {
  #strokes = [];

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  /** Put the pen down. */
  begin(x, y) {
    this.#strokes.push([[x, y]]);
  }

  /** Move it; tiny steps are left out, because they make no difference. */
  move(x, y) {
    const stroke = this.#strokes.at(-1);
    const [lastX, lastY] = stroke.at(-1);
    if (Math.hypot(x - lastX, y - lastY) > 0.004) stroke.push([x, y]);
  }

  /** Take the last stroke back. */
  undo() {
    this.#strokes.pop();
  }

  clear() {
    this.#strokes = [];
  }

  /** Draw all of it on a square of `side` pixels. */
  draw(context, side, colour) {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = WIDTH * side;
    context.strokeStyle = colour;
    context.shadowColor = colour; // a soft edge, as of a felt pen
    context.shadowBlur = 0.012 * side;
    for (const points of this.#strokes) {
      context.beginPath();
      const [first, ...others] = points.map(([x, y]) => [x * side, y * side]);
      context.moveTo(...first);
      let [lastX, lastY] = first;
      for (const [x, y] of others) {
        // through the middles, bent at the points: no corner where the hand made none
        context.quadraticCurveTo(lastX, lastY, (lastX + x) / 2, (lastY + y) / 2);
        [lastX, lastY] = [x, y];
      }
      context.lineTo(lastX + (others.length ? 0 : 0.01), lastY);
      context.stroke();
    }
    context.shadowBlur = 0;
  }

  /** A PNG of it, dark on white, as on paper. */
  async picture(side = 168) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    this.draw(context, side, "#000");
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }
}
