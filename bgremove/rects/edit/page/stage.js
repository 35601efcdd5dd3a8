// The photo under a person's hands: pointer and keys change its rect and its marks.

import { Frame, between, clipped } from "./rectangle.js";
import { Marks, VALUES } from "./marks.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LEAST = 4; // shown pixels of the sides of a rect that is drawn anew: less was a slip of the hand
const STEPS = 200; // that can be undone

/** Give an element the proportions of a photo, as large as the window allows. */
export function fit(element, photo) {
  element.style.aspectRatio = `${photo.width} / ${photo.height}`;
  element.style.maxWidth = `calc(68vh * ${photo.width / photo.height})`;
}

export class Stage {
  #drag = null;
  #history = [];
  #brushAt = null;
  #marked = false; // also when that was undone, as it was saved meanwhile

  /** `changed()` is called when a change is finished, `moving()` while it goes on. */
  constructor({ element, frame, canvas, brush }, { changed, moving }) {
    this.element = element;
    this.frame = new Frame(frame);
    this.marks = new Marks(canvas);
    this.brush = brush;
    this.changed = changed;
    this.moving = moving;
    this.photo = null;
    this.tool = "adjust";
    this.size = 12;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", () => this.#up());
    element.addEventListener("pointercancel", () => this.#cancel());
    element.addEventListener("pointerleave", () => this.#showBrush(null));
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show a photo, what the command says of it and an image of it. */
  load(photo, image) {
    this.#cancel();
    this.photo = photo;
    this.#history = [];
    const [x, y, width, height] = photo.rect;
    this.rect = { x, y, width, height };
    this.element.firstElementChild.replaceWith(image);
    fit(this.element, photo);
    this.marks.load(photo.shownWidth, photo.shownHeight, photo.hints);
    this.#marked = false;
    this.#brushAt = null;
    this.#showBrush(null);
    this.frame.show(this.rect, photo);
  }

  /** All that is to be saved of it. */
  get change() {
    const { x, y, width, height } = this.rect;
    const rect = [x, y, width, height];
    return this.#marked ? { rect, hints: this.marks.encoded() } : { rect };
  }

  use(tool) {
    this.#cancel();
    this.tool = tool;
    this.element.dataset.tool = tool;
    this.#showBrush(null);
  }

  setRect(rect) {
    this.#remember();
    this.#show(clipped(rect, this.photo));
    this.changed();
  }

  /** Take back the last change; false if there is none. */
  undo() {
    this.#cancel();
    const before = this.#history.pop();
    if (before === undefined) return false;
    this.#restore(before);
    this.changed();
    return true;
  }

  get #marking() {
    return this.tool in VALUES;
  }

  /** Pixels of the photo for one that is shown. */
  get #scale() {
    return this.photo.width / this.photo.shownWidth;
  }

  #remember() {
    this.#history.push({ rect: this.rect, values: this.marks.values });
    if (this.#history.length > STEPS) this.#history.shift();
  }

  #restore({ rect, values }) {
    this.#show(rect);
    if (values !== this.marks.values) this.marks.set(values);
  }

  #show(rect) {
    this.rect = rect;
    this.frame.show(rect, this.photo);
    this.moving();
  }

  #point(event) {
    const box = this.element.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.photo.width;
    return { x, y: ((event.clientY - box.top) / box.height) * this.photo.height };
  }

  #down(event) {
    if (this.photo === null || this.#drag !== null || !event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    const point = this.#point(event);
    const change = this.tool === "adjust" ? this.frame.changeBy(event.target) : null;
    (change === null ? this.element : event.target).focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    this.#remember();
    this.#drag = { pointer: event.pointerId, point, rect: this.rect, change };
    if (this.#marking) {
      this.#begin(point);
    }
  }

  #move(event) {
    if (this.photo === null) return;
    const point = this.#point(event);
    if (this.#marking) this.#showBrush(point);
    const drag = this.#drag;
    if (drag === null || drag.pointer !== event.pointerId) return;
    if (this.#marking) {
      this.#stroke(drag.point, point);
      drag.point = point;
    } else if (drag.change === null) {
      this.#show(between(drag.point, point, this.photo));
    } else {
      this.#show(drag.change(drag.rect, point.x - drag.point.x, point.y - drag.point.y, this.photo));
    }
  }

  #up() {
    const drag = this.#drag;
    if (drag === null) return;
    const { rect } = this;
    const least = LEAST * this.#scale;
    const slipped = drag.change === null && Math.min(rect.width, rect.height) < least;
    const same = Object.keys(rect).every((key) => rect[key] === drag.rect[key]);
    if (!this.#marking && (same || slipped)) {
      this.#cancel();
      return;
    }
    this.#drag = null;
    this.changed();
  }

  #cancel() {
    if (this.#drag === null) return;
    this.#drag = null;
    this.#restore(this.#history.pop());
  }

  #begin(at) {
    this.#marked = true;
    this.marks.begin();
    this.#stroke(at, at);
  }

  #stroke(from, to) {
    const scale = this.#scale;
    const [one, other] = [from, to].map(({ x, y }) => ({ x: x / scale, y: y / scale }));
    this.marks.stroke(one, other, this.size / 2, VALUES[this.tool]);
  }

  #showBrush(point) {
    this.brush.hidden = point === null;
    if (point === null) return;
    this.#brushAt = point;
    this.brush.style.left = `${(100 * point.x) / this.photo.width}%`;
    this.brush.style.top = `${(100 * point.y) / this.photo.height}%`;
    this.brush.style.width = `${(100 * this.size) / this.photo.shownWidth}%`;
  }

  #key(event) {
    if (this.photo === null || this.#drag !== null || event.ctrlKey || event.altKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    const change = this.frame.changeBy(event.target);
    const marks = this.#marking && event.target === this.element;
    if (marks && (event.key === " " || event.key === "Enter")) this.#stamp();
    else if (arrow && marks) this.#moveBrush(arrow, event.shiftKey);
    else if (arrow && change !== null) this.#nudge(change, arrow, event);
    else return;
    event.preventDefault();
  }

  #nudge(change, [across, down], event) {
    if (!event.repeat) this.#remember();
    const step = Math.max(1, Math.round(this.#scale)) * (event.shiftKey ? 10 : 1);
    this.#show(change(this.rect, across * step, down * step, this.photo));
    this.changed();
  }

  #moveBrush([across, down], far) {
    const { width, height } = this.photo;
    const at = this.#brushAt ?? { x: width / 2, y: height / 2 };
    const step = (far ? 4 : 1) * (this.size / 2) * this.#scale;
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    this.#showBrush({ x: inside(at.x + across * step, width), y: inside(at.y + down * step, height) });
  }

  #stamp() {
    const at = this.#brushAt ?? { x: this.photo.width / 2, y: this.photo.height / 2 };
    this.#showBrush(at);
    this.#remember();
    this.#begin(at);
    this.changed();
  }
}
