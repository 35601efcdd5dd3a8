// The page: one photo after the other, each change saved at once.

import * as server from "./server.js";
import { Stage, fit } from "./stage.js";

const at = (id) => document.getElementById(id);
const NUMBERS = ["x", "y", "width", "height"];
const KEYS = { a: "adjust", r: "redraw", o: "object", b: "background", e: "open" };

let photos = [];
let table = "";
let shown = -1; // the photo that is on the stage
let wanted = -1; // the one that will be
const unsaved = new Map(); // what to say of photos whose last change was not saved, and is not to be seen any more

const saver = new server.Saver(
  (index, answer, last) => {
    unsaved.delete(index);
    tellDoubts(index, answer.doubts);
    if (index === shown) showCutout(answer);
    if (last) say("Saved");
  },
  (index, error) => {
    unsaved.set(index, `${photos[index].name}: not saved: ${error.message}`);
    say(index === shown ? `Not saved: ${error.message}` : unsaved.get(index), true);
  },
);

const stage = new Stage(
  { element: at("stage"), frame: at("frame"), canvas: at("marks"), brush: at("brush") },
  {
    changed: () => {
      say("Saving");
      saver.save(shown, stage.change);
    },
    moving: () => showNumbers(),
  },
);

function say(text, alarming = false) {
  at("status").textContent = text;
  at("status").classList.toggle("alarming", alarming);
}

function showNumbers() {
  for (const name of NUMBERS) at(name).value = stage.rect[name];
}

function showCutout({ cutout, doubts }) {
  at("cutout").hidden = !cutout;
  if (cutout) at("cutout").src = cutout;
  at("cutout").alt = doubts.length ? "The cutout, which looks doubtful" : "The cutout";
  at("doubts").replaceChildren(
    ...doubts.map((doubt) => {
      const item = document.createElement("li");
      item.textContent = doubt;
      return item;
    }),
  );
}

function tellDoubts(index, doubts) {
  photos[index].doubtful = doubts.length > 0;
  at("photos").children[index].classList.toggle("doubtful", photos[index].doubtful);
  const count = photos.filter((photo) => photo.doubtful).length;
  at("left").textContent = count ? `${count} of them ${count === 1 ? "looks" : "look"} doubtful` : "None of them looks doubtful";
}

function listPhotos() {
  at("photos").replaceChildren(
    ...photos.map((photo, index) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = photo.name;
      button.addEventListener("click", () => go(index));
      item.classList.toggle("doubtful", photo.doubtful);
      item.append(button);
      return item;
    }),
  );
}

async function picture(index) {
  const image = new Image();
  image.id = "photo";
  image.alt = photos[index].name;
  image.draggable = false;
  image.src = server.address(index);
  await image.decode();
  return image;
}

/** Show another photo, once all is saved. */
async function go(index) {
  if (index < 0 || index >= photos.length) {
    say(index < 0 ? "This is the first one" : "This is the last one");
    return;
  }
  wanted = index;
  try {
    await saver.settled();
    const photo = await server.open(index);
    const image = await picture(index);
    if (wanted !== index) return;
    const lost = unsaved.get(shown);
    saver.opened(index, photo);
    stage.load(photo, image);
    fit(at("cutout").parentElement, photo);
    unsaved.delete(index);
    shown = index;
    showCutout(photo);
    tellDoubts(index, photo.doubts);
    showPlace();
    say(lost ?? "", lost !== undefined);
  } catch (error) {
    if (wanted === index) say(`${photos[index].name}: ${error.message}`, true);
  }
}

function showPlace() {
  const { name } = photos[shown];
  const place = `${shown + 1} of ${photos.length}`;
  at("name").textContent = name;
  at("progress").textContent = place;
  document.title = `${place}: ${name}`;
  at("photos").querySelector("[aria-current]")?.removeAttribute("aria-current");
  const item = at("photos").children[shown];
  item.firstElementChild.setAttribute("aria-current", "true");
  showInList(item);
  showNumbers();
}

/** Scroll the list, and not the page, which may have it below the photo. */
function showInList(item) {
  const list = item.parentElement;
  const top = item.offsetTop - list.scrollTop;
  if (top < 0 || top + item.offsetHeight > list.clientHeight) list.scrollTop += top - list.clientHeight / 3;
}

function goToDoubtful() {
  const order = [...photos.keys()].map((index) => (wanted + 1 + index) % photos.length);
  const next = order.find((index) => photos[index].doubtful && index !== wanted);
  if (next === undefined) say("No other photo looks doubtful");
  else go(next);
}

function choose(tool) {
  document.querySelector(`#tools input[value=${tool}]`).checked = true;
  stage.use(tool);
}

async function finish() {
  await saver.settled();
  try {
    await server.end();
  } catch (error) {
    say(error.message, true);
    return;
  }
  const words = document.createElement("p");
  words.className = "ended";
  words.setAttribute("role", "status");
  words.textContent = `Done. The rects of ${photos.length} photos are in ${table}. You may close this window.`;
  words.append(...[...unsaved.values()].flatMap((each) => [document.createElement("br"), each]));
  document.body.replaceChildren(words);
  document.title = "Done";
}

const COMMANDS = {
  n: () => go(wanted + 1),
  p: () => go(wanted - 1),
  d: goToDoubtful,
  u: () => stage.undo() || say("There is nothing to undo"),
};

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey) return;
  const key = event.key.toLowerCase();
  if (event.target.type === "number") {
    // No number holds these letters, but for an e, and has its own undo.
    if (event.ctrlKey || key === "e" || !(key in COMMANDS || key in KEYS)) return;
    event.target.blur(); // takes what was typed
  }
  if (event.ctrlKey) {
    if (key !== "z") return;
    COMMANDS.u();
  } else if (key in COMMANDS) COMMANDS[key]();
  else if (key in KEYS) choose(KEYS[key]);
  else return;
  event.preventDefault();
});

at("next").addEventListener("click", COMMANDS.n);
at("previous").addEventListener("click", COMMANDS.p);
at("next-doubtful").addEventListener("click", goToDoubtful);
at("undo").addEventListener("click", COMMANDS.u);
at("done").addEventListener("click", finish);
at("tools").addEventListener("change", (event) => stage.use(event.target.value));
at("size").addEventListener("input", (event) => {
  stage.size = Number(event.target.value);
});
for (const name of NUMBERS) {
  at(name).addEventListener("change", () => {
    const typed = NUMBERS.map((each) => [each, at(each).valueAsNumber]);
    if (shown < 0) return;
    if (typed.every(([, value]) => Number.isFinite(value))) stage.setRect(Object.fromEntries(typed));
    showNumbers();
  });
}
window.addEventListener("beforeunload", (event) => {
  if (saver.busy) event.preventDefault();
});

stage.use("adjust");
try {
  ({ photos, table } = await server.list());
  listPhotos();
  await go(0);
} catch (error) {
  say(error.message, true);
}
