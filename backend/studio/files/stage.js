/**
 * The page in view: its picture, its lines, and the one that is heard. Plays a page's sound and says when it has ended.
 *
 * Dispatches "ended" when a page has been heard to its end.
 */

const $ = (id) => document.getElementById(id);

export class Stage extends EventTarget {
  constructor() {
    super();
    this.audio = $("audio");
    this.page = null;
    this.audio.addEventListener("ended", () => this.dispatchEvent(new Event("ended")));
    for (const name of ["timeupdate", "seeked"]) this.audio.addEventListener(name, () => this.#light());
    // timeupdate comes four times a second; while sound plays, the box follows every frame.
    this.audio.addEventListener("play", () => this.#watch());
  }

  #cues = [];
  #heard = -1;
  #shown = 0;

  /** Shows a page and, when its sound is there, loads it; `play` begins at once. */
  async show(page, { play = false } = {}) {
    const turn = ++this.#shown;
    const changed = this.page !== page;
    this.page = page;
    if (changed) {
      $("picture").src = page.picture;
      $("picture").alt = `Page ${page.index + 1}`;
      this.#setCues([]);
    }
    if (!page.audio) {
      this.audio.removeAttribute("src");
      this.audio.load();
      return;
    }
    if (this.audio.getAttribute("src") !== page.audio) {
      this.audio.src = page.audio;
      this.audio.load();
    }
    if (play) this.play();
    if (!page.cues) return;
    try {
      const response = await fetch(page.cues);
      const found = response.ok ? await response.json() : { cues: [] };
      if (turn === this.#shown) this.#setCues(found.cues);
    } catch {
      // Without cues the page is heard all the same.
    }
  }

  play() {
    // A browser may want a gesture first; its own play button is on the page.
    this.audio.play().catch((error) => console.info(error.message));
  }

  toggle() {
    if (this.audio.paused) this.play();
    else this.audio.pause();
  }

  /** Goes to the line `step` before or after the one that is heard. */
  line(step) {
    if (!this.#cues.length) return;
    const now = this.audio.currentTime;
    const current = this.#cues.findLastIndex((cue) => cue.start <= now + 0.05);
    const target = Math.min(this.#cues.length - 1, Math.max(0, current + step));
    this.audio.currentTime = this.#cues[target].start;
  }

  #setCues(cues) {
    this.#cues = cues;
    this.#heard = -1;
    $("boxes").replaceChildren(...cues.map(({ box_percent: [x0, y0, x1, y1] }) => {
      const box = document.createElement("div");
      // The mark stands a little outside the words.
      Object.assign(box.style, { left: `${x0 - 1}%`, top: `${y0 - 0.7}%`, width: `${x1 - x0 + 2}%`, height: `${y1 - y0 + 1.4}%` });
      return box;
    }));
    $("lines").replaceChildren(...cues.map((cue) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const who = document.createElement("span");
      const text = document.createElement("span");
      button.type = "button";
      who.className = "who";
      who.textContent = cue.speaker ?? (cue.kind === "narration" ? "Narrator" : "Someone");
      text.lang = cue.lang;
      text.textContent = cue.text;
      button.append(who, text);
      button.addEventListener("click", () => {
        this.audio.currentTime = cue.start;
        this.play();
      });
      item.append(button);
      return item;
    }));
    this.#light();
  }

  #watch() {
    if (this.audio.paused || this.audio.ended) return;
    this.#light();
    requestAnimationFrame(() => this.#watch());
  }

  #light() {
    const now = this.audio.currentTime;
    const heard = this.audio.hasAttribute("src") ? this.#cues.findIndex((cue) => cue.start <= now && now < cue.end) : -1;
    if (heard === this.#heard) return;
    this.#heard = heard;
    [...$("boxes").children].forEach((box, i) => box.classList.toggle("heard", i === heard));
    [...$("lines").children].forEach((item, i) => {
      const button = item.firstElementChild;
      if (i === heard) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }
}
