// The page: one photo after the other, each change saved at once.

import { Photos } from "./photos.js";
import * as server from "./server.js";
import { Stage, fit } from "./stage.js";

const at = (id) => document.getElementById(id);
const NUMBERS = ["x", "y", "width", "height"];
const KEYS = { a: "adjust", r: "redraw", o: "object", b: "background", e: "open" };

const PAUSE_MS = 500; // between questions for what has become known

const photos = new Photos(at("photos"), at("left"), (index) => go(index));
let table = "";
let ended = false;
let shown = -1; // the photo that is on the stage
let wanted = -1; // the one that will be
const unsaved = new Map(); // what to say of photos whose last change was not saved, and is not to be seen any more

const saver = new server.Saver(
  (index, answer, last) => {
    unsaved.delete(index);
    photos.tell(index, answer.doubts.length > 0);
    if (index === shown) showCutout(answer);
    if (last) say("Saved");
  },
  (index, error) => {
    unsaved.set(index, `${photos.name(index)}: not saved: ${error.message}`);
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

async function picture(index) {
  const image = new Image();
  image.id = "photo";
  image.alt = photos.name(index);
  image.draggable = false;
  image.src = server.address(index);
  await image.decode();
  return image;
}

/** Show the photo at a place of the list. */
function goTo(place) {
  if (place < 0 || place >= photos.length) say(place < 0 ? "This is the first one" : "This is the last one");
  else go(photos.at(place));
}

/** Show another photo, once all is saved. */
async function go(index) {
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
    photos.tell(index, photo.doubts.length > 0);
    photos.markShown(index);
    showPlace();
    showNumbers();
    say(lost ?? "", lost !== undefined);
  } catch (error) {
    if (wanted === index) say(`${photos.name(index)}: ${error.message}`, true);
  }
}

function showPlace() {
  const place = `${photos.placeOf(shown) + 1} of ${photos.length}`;
  at("name").textContent = photos.name(shown);
  at("progress").textContent = place;
  document.title = `${place}: ${photos.name(shown)}`;
}

/** Ask for what becomes known until all is: the first `count` photos that did are told of already. */
async function follow(count) {
  while (photos.unknown && !ended) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const { news } = await server.knownSince(count);
    count += news.length;
    photos.found(news, wanted);
    if (shown >= 0) showPlace();
  }
}

function goToDoubtful() {
  const next = photos.doubtfulBehind(photos.placeOf(wanted));
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
    ended = true;
  } catch (error) {
    say(error.message, true);
    return;
  }
  const words = document.createElement("p");
  words.className = "ended";
  words.setAttribute("role", "status");
  const all = `The rects of ${photos.length} photos are in ${table}.`;
  const some = `The command is proposing those that are left, ${photos.unknown}, and writes them into ${table} as well.`;
  words.textContent = `Done. ${photos.unknown ? some : all} You may close this window.`;
  words.append(...[...unsaved.values()].flatMap((each) => [document.createElement("br"), each]));
  document.body.replaceChildren(words);
  document.title = "Done";
}

const COMMANDS = {
  n: () => goTo(photos.placeOf(wanted) + 1),
  p: () => goTo(photos.placeOf(wanted) - 1),
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
  const list = await server.list();
  table = list.table;
  photos.load(list.photos, list.known);
  follow(list.known).catch(() => {}); // the next thing that is asked for says that the command has ended
  if (photos.length) await go(photos.at(0));
} catch (error) {
  say(error.message, true);
}
