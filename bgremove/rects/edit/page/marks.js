// Strokes that say what is object and what is background: one gray value for every pixel that is shown.

export const VALUES = { background: 0, open: 128, object: 255 };
const COLOURS = { [VALUES.background]: [196, 78, 0], [VALUES.object]: [0, 114, 178] };
const CHUNK = 0x8000; // arguments that a function takes at once

/** Marks on a canvas. Their `values` are never changed in place, so that whoever undoes may keep them. */
export class Marks {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** Begin with a photo: its size as it is shown, and its hints in base64, or null. */
  load(width, height, hints) {
    this.canvas.width = width;
    this.canvas.height = height;
    const open = new Uint8Array(width * height).fill(VALUES.open);
    this.set(hints === null ? open : Uint8Array.from(atob(hints), (c) => c.charCodeAt(0)));
  }

  set(values) {
    this.values = values;
    this.#draw(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Begin a stroke. */
  begin() {
    this.values = this.values.slice();
  }

  /** Give all pixels within `radius` of the way between two points a value. */
  stroke(from, to, radius, value) {
    const { width, height } = this.canvas;
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
    const right = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + radius));
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
    const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
    const across = to.x - from.x;
    const down = to.y - from.y;
    const square = across * across + down * down || 1;
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        const along = ((x + 0.5 - from.x) * across + (y + 0.5 - from.y) * down) / square;
        const part = Math.min(1, Math.max(0, along));
        const distance = Math.hypot(x + 0.5 - from.x - part * across, y + 0.5 - from.y - part * down);
        if (distance <= radius) this.values[y * width + x] = value;
      }
    }
    if (left <= right && top <= bottom) this.#draw(left, top, right - left + 1, bottom - top + 1);
  }

  /** In base64. */
  encoded() {
    let text = "";
    for (let start = 0; start < this.values.length; start += CHUNK) {
      text += String.fromCharCode(...this.values.subarray(start, start + CHUNK));
    }
    return btoa(text);
  }

  /** Background is hatched, so that it is told from object without its colour. */
  #draw(left, top, width, height) {
    const image = this.context.createImageData(width, height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const value = this.values[(top + y) * this.canvas.width + left + x];
        if (value === VALUES.open) continue;
        const gap = value === VALUES.background && (left + x + top + y) % 10 < 4;
        image.data.set([...COLOURS[value], gap ? 90 : 170], 4 * (y * width + x));
      }
    }
    this.context.putImageData(image, left, top);
  }
}
