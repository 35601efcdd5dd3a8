// What is asked of the command, and what it is told.

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("The command has ended: nothing more is saved.");
  }
  const content = await response.json();
  if (!response.ok) throw new Error(content.error);
  return content;
}

export const list = () => ask("photos");
export const knownSince = (count) => ask(`known/${count}`);
export const open = (index) => ask(`photos/${index}`);
export const end = () => ask("done", { method: "POST" });
export const address = (index) => `photos/${index}.jpg`;

/** Saves changes one after the other; of those that wait, only the newest counts, as each is the whole. */
export class Saver {
  #next = null;
  #running = null;
  #seen = new Map(); // how often each photo was changed, as this page knows: another window may have it too

  /** `saved(index, answer)` and `failed(index, error)` are called for each that is sent. */
  constructor(saved, failed) {
    this.saved = saved;
    this.failed = failed;
  }

  get busy() {
    return this.#running !== null;
  }

  opened(index, { changes }) {
    this.#seen.set(index, changes);
  }

  save(index, change) {
    this.#next = { index, change };
    this.#running ??= this.#run();
  }

  /** All that was to be saved is. */
  async settled() {
    await this.#running;
  }

  async #run() {
    while (this.#next !== null) {
      const { index, change } = this.#next;
      this.#next = null;
      try {
        const body = JSON.stringify({ ...change, seen: this.#seen.get(index) });
        const answer = await ask(`photos/${index}`, { method: "PUT", body });
        this.opened(index, answer);
        this.saved(index, answer, this.#next === null);
      } catch (error) {
        this.failed(index, error);
      }
    }
    this.#running = null;
  }
}
