// A rect in the pixels of the photo, and the frame that shows it.

const SIDES = [
  ["top left corner", -1, -1], ["top side", 0, -1], ["top right corner", 1, -1], ["right side", 1, 0],
  ["bottom right corner", 1, 1], ["bottom side", 0, 1], ["bottom left corner", -1, 1], ["left side", -1, 0],
];

const within = (value, least, most) => Math.min(Math.max(Math.round(value), least), Math.max(least, most));

/** `rect` moved, as far as the photo reaches. */
export function moved({ x, y, width, height }, across, down, photo) {
  return { x: within(x + across, 0, photo.width - width), y: within(y + down, 0, photo.height - height), width, height };
}

/** `rect` with some of its sides moved: the left or right one, -1 or 1, and the top or bottom one. */
export function resized(rect, [horizontal, vertical], across, down, photo) {
  const [x, width] = ends(rect.x, rect.width, horizontal, across, photo.width);
  const [y, height] = ends(rect.y, rect.height, vertical, down, photo.height);
  return { x, y, width, height };
}

function ends(start, length, side, by, size) {
  const first = side < 0 ? within(start + by, 0, start + length - 1) : start;
  const last = side > 0 ? within(start + length + by, start + 1, size) : start + length;
  return [first, last - first];
}

/** The rect between two points. */
export function between(one, other, photo) {
  const x = within(Math.min(one.x, other.x), 0, photo.width - 1);
  const y = within(Math.min(one.y, other.y), 0, photo.height - 1);
  const right = within(Math.max(one.x, other.x), x + 1, photo.width);
  const bottom = within(Math.max(one.y, other.y), y + 1, photo.height);
  return { x, y, width: right - x, height: bottom - y };
}

/** The whole numbers of a rect, forced into the photo. */
export function clipped({ x, y, width, height }, photo) {
  return between({ x, y }, { x: x + width, y: y + height }, photo);
}

/** Shows a rect, with a handle for each side and corner. */
export class Frame {
  constructor(element) {
    this.element = element;
    this.handles = SIDES.map(([name, ...sides]) => {
      const handle = document.createElement("button");
      handle.type = "button";
      handle.setAttribute("aria-label", name);
      handle.style.left = `${50 * (sides[0] + 1)}%`;
      handle.style.top = `${50 * (sides[1] + 1)}%`;
      handle.style.cursor = cursor(sides);
      handle.sides = sides;
      element.append(handle);
      return handle;
    });
  }

  show(rect, photo) {
    const style = this.element.style;
    style.left = `${(100 * rect.x) / photo.width}%`;
    style.top = `${(100 * rect.y) / photo.height}%`;
    style.width = `${(100 * rect.width) / photo.width}%`;
    style.height = `${(100 * rect.height) / photo.height}%`;
    this.element.setAttribute("aria-label", `Rect: ${rect.width} by ${rect.height} pixels at ${rect.x}, ${rect.y}`);
  }

  /** What dragging `target`, an element or nothing, does to a rect: a function of rect, way across, way down and photo. */
  changeBy(target) {
    if (this.handles.includes(target)) return (rect, ...way) => resized(rect, target.sides, ...way);
    return target === this.element ? moved : null;
  }
}

function cursor([horizontal, vertical]) {
  if (!horizontal) return "ns-resize";
  if (!vertical) return "ew-resize";
  return horizontal === vertical ? "nwse-resize" : "nesw-resize";
}
