// The list of photos: doubtful ones come first, as they become known.

export class Photos {
  #photos = []; // by the number that the command knows each by
  #order = []; // these numbers, as they are listed
  #items = [];
  #unknown = 0;

  /** `chosen(index)` is called when a person chooses one; `counts` says how many there are to look at. */
  constructor(list, counts, chosen) {
    this.list = list;
    this.counts = counts;
    this.chosen = chosen;
  }

  load(photos, known) {
    this.#photos = photos;
    this.#unknown = photos.length - known;
    this.#items = photos.map((photo, index) => this.#item(photo, index));
    const listed = [...photos.keys()].filter((index) => !photos[index].failed);
    const doubtful = (index) => photos[index].doubtful;
    this.#order = [...listed.filter(doubtful), ...listed.filter((index) => !doubtful(index))];
    this.list.replaceChildren(...this.#order.map((index) => this.#items[index]));
    this.#count();
  }

  get length() {
    return this.#order.length;
  }

  /** How many the command has not looked at yet. */
  get unknown() {
    return this.#unknown;
  }

  name(index) {
    return this.#photos[index].name;
  }

  placeOf(index) {
    return this.#order.indexOf(index);
  }

  at(place) {
    return this.#order[place];
  }

  /** The next one that looks doubtful behind a place, or from the start; undefined if there is no other. */
  doubtfulBehind(place) {
    const others = [...this.#order.slice(place + 1), ...this.#order.slice(0, Math.max(place, 0))];
    return others.find((index) => this.#photos[index].doubtful);
  }

  /** Say whether one looks doubtful. */
  tell(index, doubtful) {
    this.#photos[index].doubtful = doubtful;
    this.#items[index].classList.toggle("doubtful", doubtful);
    this.#count();
  }

  /** Take what the command has found: doubtful ones move up behind the one that is shown, and others may be no photos. */
  found(news, shown) {
    this.#unknown -= news.length;
    for (const { index, doubtful, failed } of news.filter((each) => each.index !== shown)) {
      this.tell(index, doubtful);
      if (failed) this.#remove(index);
      else if (doubtful) this.#moveUp(index, shown);
    }
    this.#count();
  }

  markShown(index) {
    this.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const item = this.#items[index];
    item.firstElementChild.setAttribute("aria-current", "true");
    // Scroll the list, and not the page, which may have it below the photo.
    const top = item.offsetTop - this.list.scrollTop;
    if (top < 0 || top + item.offsetHeight > this.list.clientHeight) this.list.scrollTop += top - this.list.clientHeight / 3;
  }

  #item(photo, index) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = photo.name;
    button.addEventListener("click", () => this.chosen(index));
    item.classList.toggle("doubtful", photo.doubtful);
    item.append(button);
    return item;
  }

  #count() {
    const doubtful = this.#photos.filter((photo) => photo.doubtful).length;
    const words = doubtful ? `${doubtful} of them ${doubtful === 1 ? "looks" : "look"} doubtful` : "None of them looks doubtful";
    this.counts.textContent = this.#unknown ? `${words} so far, ${this.#unknown} are still to be looked at` : words;
  }

  #remove(index) {
    this.#order.splice(this.placeOf(index), 1);
    this.#items[index].remove();
  }

  #moveUp(index, shown) {
    const place = this.placeOf(index);
    let to = this.placeOf(shown) + 1;
    while (to < place && this.#photos[this.#order[to]].doubtful) to += 1;
    if (to >= place) return;
    const item = this.#items[index];
    const focused = item.contains(document.activeElement);
    this.list.insertBefore(item, this.#items[this.#order[to]]);
    if (focused) item.firstElementChild.focus({ preventScroll: true });
    this.#order.splice(place, 1);
    this.#order.splice(to, 0, index);
  }
}
