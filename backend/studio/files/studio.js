/** Puts the page together: the form, the list of pages, the keys. */

import { Narration, Refused, health } from "./narration.js";
import { Stage } from "./stage.js";

const $ = (id) => document.getElementById(id);
const TYPES = ["image/png", "image/jpeg", "image/webp"];
const STATES = {
  waiting: "waiting",
  queued: "queued",
  extracting: "being read",
  tts: "being voiced",
  ready: "ready",
  error: "failed",
};
const byName = new Intl.Collator(undefined, { numeric: true });

const stage = new Stage();
let chosen = [];
let narration = null;
let wanted = null; // index of the page that is to be heard as soon as it is ready

function choose(files) {
  const pictures = files.filter((file) => TYPES.includes(file.type)).sort((a, b) => byName.compare(a.name, b.name));
  const skipped = files.length - pictures.length;
  chosen = pictures;
  $("begin").disabled = !pictures.length;
  const left = skipped ? `; ${skipped} left out, not PNG, JPEG or WebP` : "";
  $("chosen").textContent = `${pictures.length} ${pictures.length === 1 ? "page" : "pages"} chosen${left}.`;
}

function complain(sentence) {
  $("notice").textContent = sentence ?? "";
  $("notice").hidden = !sentence;
}

async function begin() {
  if (!chosen.length) return;
  complain(null);
  if (narration) {
    narration.close();
    for (const page of narration.pages) URL.revokeObjectURL(page.picture);
  }
  const direction = new FormData($("chapter")).get("direction");
  const current = new Narration(chosen, { direction, key: $("key").value.trim() });
  narration = current;
  for (const page of current.pages) page.picture = URL.createObjectURL(page.file);
  current.addEventListener("page", ({ detail }) => narration === current && pageChanged(detail));
  current.addEventListener("progress", () => narration === current && progress());
  current.addEventListener("done", () => narration === current && progress(true));
  current.addEventListener("trouble", ({ detail }) => narration === current && complain(detail));
  $("pages").replaceChildren(...current.pages.map(entry));
  $("listening").hidden = false;
  wanted = 0;
  turnTo(0);
  if (!$("audio").canPlayType("application/vnd.apple.mpegurl")) {
    complain("This browser cannot play HTTP Live Streaming by itself. Chrome or Edge 142 and newer, and Safari, can.");
  }
  try {
    await current.run();
  } catch (error) {
    if (narration !== current) return;
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) $("key-row").hidden = false;
    complain(error.message);
    if (error.status === 401) $("key").focus();
  }
}

function entry(page) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const picture = document.createElement("img");
  const label = document.createElement("span");
  const state = document.createElement("span");
  button.type = "button";
  picture.src = page.picture;
  picture.alt = "";
  picture.addEventListener("error", () => (picture.style.visibility = "hidden")); // the page's state says what is wrong with it
  label.append(`Page ${page.index + 1}`, document.createElement("br"), state);
  state.className = "state";
  button.append(picture, label);
  button.addEventListener("click", () => turnTo(page.index, { play: true }));
  item.append(button);
  describe(item, page);
  return item;
}

function describe(item, page) {
  item.className = page.state;
  const reason = page.state === "error" && page.reason ? `: ${page.reason.replaceAll("_", " ")}` : "";
  item.querySelector(".state").textContent = STATES[page.state] + reason;
  const again = item.querySelector(".again");
  if (page.state === "error" && page.job && !again) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "again";
    button.textContent = "Try again";
    button.setAttribute("aria-label", `Try page ${page.index + 1} again`);
    button.addEventListener("click", () => narration.retry(page).catch((error) => complain(error.message)));
    item.append(button);
  } else if (page.state !== "error") {
    again?.remove();
  }
}

function pageChanged(page) {
  describe($("pages").children[page.index], page);
  if (stage.page !== page) return;
  caption(page);
  const current = $("audio").getAttribute("src");
  if (page.state === "ready" && current !== page.audio) turnTo(page.index, { play: wanted === page.index });
  else if (page.state === "error" && wanted === page.index) advance();
}

function progress(all = false) {
  const { done, pages } = narration;
  $("progress").max = pages.length;
  $("progress").value = done;
  const failed = pages.filter((page) => page.state === "error").length;
  const text = `${done} of ${pages.length} pages done${failed ? `, ${failed} failed` : ""}${all ? ". The chapter is complete." : ""}`;
  if ($("progress-text").textContent !== text) $("progress-text").textContent = text;
}

function caption(page) {
  const state = page.state === "ready" ? "" : ` is ${STATES[page.state] === "failed" ? "left out: it failed" : STATES[page.state]}`;
  const text = `Page ${page.index + 1} of ${narration.pages.length}${state}`;
  if ($("caption").textContent !== text) $("caption").textContent = text;
}

/** Shows a page; with `play` it is heard as soon as it can be. */
function turnTo(index, { play = wanted !== null } = {}) {
  const page = narration?.pages[index];
  if (!page) return;
  wanted = play ? index : null;
  [...$("pages").children].forEach((item, i) => {
    const button = item.firstElementChild;
    if (i === index) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
    if (i === index) item.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  $("previous").disabled = index === 0;
  $("next").disabled = index === narration.pages.length - 1;
  caption(page);
  narration.look(page);
  stage.show(page, { play });
}

/** On to the next page that did not fail. */
function advance() {
  const next = narration.pages.findIndex((page) => page.index > stage.page.index && page.state !== "error");
  if (next >= 0) turnTo(next, { play: true });
}

const step = (by) => stage.page && turnTo(stage.page.index + by, { play: !$("audio").paused || wanted !== null });

function key(event) {
  const onControl = event.target.closest("button, input, a, audio, textarea, select");
  if (!narration || event.ctrlKey || event.metaKey || event.altKey) return;
  // A focused control keeps the keys it knows itself; letters and, on buttons, arrows are free.
  if (onControl && (event.key === " " || onControl.matches("input, audio"))) return;
  const forward = narration.direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const back = narration.direction === "rtl" ? "ArrowRight" : "ArrowLeft";
  const act = { " ": () => stage.toggle(), [forward]: () => step(1), [back]: () => step(-1), j: () => stage.line(-1), k: () => stage.line(1) }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

$("files").addEventListener("change", (event) => choose([...event.target.files]));
$("chapter").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") choose([...event.dataTransfer.files]);
  });
}
stage.addEventListener("ended", advance);
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
document.addEventListener("keydown", key);

health().then((found) => {
  if (found) $("engines").textContent = `Read by ${found.reader.name} (${found.reader.state}), spoken by ${found.synthesizer.name} (${found.synthesizer.state}).`;
}).catch(() => complain("The service does not answer."));
