/**
 * A chapter being narrated: begins windows, uploads pages, follows events. Knows the API and no element of the page.
 *
 * Dispatches "page" (detail: a page record that changed), "progress", "done", and "trouble" (detail: one sentence).
 */

const WINDOW_SIZE = 20;
const UPLOADS_AT_ONCE = 4;
const API = "v1/narration/";

/** An answer of the service that is not 2xx; `status` is the HTTP status, the message a sentence for people. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export class Narration extends EventTarget {
  /**
   * @param {File[]} files pages in reading order
   * @param {{direction: string, key: string}} choices
   */
  constructor(files, { direction, key }) {
    super();
    this.direction = direction;
    this.pages = files.map((file, index) => ({ index, file, state: "waiting", uploaded: false, job: null }));
    this.#key = key;
    // Every chapter is its own: two chapters with pages of the same names must not share a job.
    this.#chapter = `studio:${[...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  }

  #key;
  #chapter;
  #streams = new Map();
  #closed = false;

  get done() {
    return this.pages.filter((page) => page.state === "ready" || page.state === "error").length;
  }

  /** Narrates the whole chapter, one window after the other. Throws Refused when a window cannot begin. */
  async run() {
    for (let first = 0; first < this.pages.length && !this.#closed; first += WINDOW_SIZE) {
      const pages = this.pages.slice(first, first + WINDOW_SIZE);
      const reply = await this.#begin(first, pages.length);
      const job = { ...reply, first, pages, uploading: true };
      for (const page of pages) this.#change(page, { job, state: "queued" });
      const ended = this.#follow(job);
      await this.#uploadAll(job);
      await ended;
    }
    if (!this.#closed) this.dispatchEvent(new Event("done"));
  }

  /** Tries a page that failed once more. */
  async retry(page) {
    const { job } = page;
    job.done = false;
    this.#change(page, { state: "queued", reason: undefined, lost: undefined });
    // Only then the stream: its opening burst would still say job_done.
    if (page.uploaded) await this.#send(`${jobUrl(job)}/pages/${page.index - job.first}/retry`, { method: "POST" });
    else await this.#upload(page);
    await this.#follow(job);
  }

  /** Tells the service which page is looked at, so that it comes first; nothing depends on the answer. */
  look(page) {
    if (!page.job || page.state === "ready" || page.state === "error") return;
    const body = JSON.stringify({ index: page.index - page.job.first });
    const headers = { "Content-Type": "application/json" };
    this.#send(`${jobUrl(page.job)}/focus`, { method: "POST", headers, body }).catch((error) => console.info(error.message));
  }

  close() {
    this.#closed = true;
    for (const source of this.#streams.values()) source.close();
    this.#streams.clear();
  }

  async #begin(first, size) {
    const headers = { "Content-Type": "application/json" };
    if (this.#key) headers.Authorization = `Bearer ${this.#key}`;
    const body = JSON.stringify({
      chapter_id: this.#chapter,
      voice_pack: {},
      window: { start_index: first, size },
      client: { device: "studio" },
      options: { direction: this.direction },
    });
    const response = await this.#send(`${API}session/${first ? "next" : "start"}`, { method: "POST", headers, body });
    return response.json();
  }

  async #uploadAll(job) {
    const waiting = [...job.pages];
    const worker = async () => {
      for (let page = waiting.shift(); page && !this.#closed; page = waiting.shift()) await this.#upload(page);
    };
    await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, worker));
    job.uploading = false;
    this.#settle(job);
  }

  async #upload(page) {
    const slot = page.job.upload.pages[page.index - page.job.first];
    try {
      const type = page.job.upload.mode === "direct" ? page.file.type : (slot.content_type ?? "image/png");
      const body = page.file.type === type ? page.file : await converted(page.file, type);
      if (slot.max_bytes && body.size > slot.max_bytes) throw new Refused(413, "The picture is larger than this service takes.");
      await this.#send(slot.put_url, { method: "PUT", headers: { "Content-Type": type }, body });
      page.uploaded = true;
    } catch (error) {
      page.lost = error.message;
      this.#change(page, { state: "error", reason: error.message });
    }
  }

  /** Follows a job until it is done and all its uploads have ended. */
  #follow(job) {
    if (this.#streams.has(job.job_id)) return job.ended;
    job.ended = new Promise((resolve) => (job.settle = resolve));
    const source = new EventSource(job.status_sse);
    this.#streams.set(job.job_id, source);
    const page = (data) => job.pages[data.index];
    const on = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data)));
    on("page_status", (data) => this.#status(page(data), data));
    on("page_ready", (data) => this.#status(page(data), { ...data, state: "ready" }));
    on("job_done", () => {
      job.done = true;
      this.#settle(job);
    });
    on("page_uploaded", () => (job.done = false));
    source.onerror = () => {
      // The browser connects again by itself unless the service answered with an error: then the snapshot says how things stand.
      if (source.readyState === EventSource.CLOSED) this.#recover(job);
    };
    return job.ended;
  }

  #status(page, { state, reason, audio, cues, duration }) {
    if (!page || (page.lost && !page.uploaded)) return; // our own reason says more than not_uploaded
    this.#change(page, { state, reason, audio, cues: cues ?? (audio && audio === page.audio ? page.cues : undefined), duration });
  }

  #settle(job) {
    const ended = job.pages.every((page) => page.state === "ready" || page.state === "error");
    if (job.uploading || !(job.done || ended)) return;
    this.#streams.get(job.job_id)?.close();
    this.#streams.delete(job.job_id);
    job.settle?.();
  }

  async #recover(job) {
    this.#streams.delete(job.job_id);
    try {
      const snapshot = await (await this.#send(job.snapshot_url ?? `${jobUrl(job)}/snapshot`, {})).json();
      for (const record of snapshot.pages) this.#status(job.pages[record.index], record);
      if (snapshot.done) {
        job.done = true;
        this.#settle(job);
      } else {
        const settle = job.settle;
        setTimeout(() => !this.#closed && this.#follow(job).then(settle), 2000);
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent("trouble", { detail: `The narration was lost: ${error.message}` }));
      job.settle?.();
    }
  }

  #change(page, values) {
    Object.assign(page, values);
    this.dispatchEvent(new CustomEvent("page", { detail: page }));
    this.dispatchEvent(new Event("progress"));
  }

  async #send(url, options) {
    let response;
    try {
      response = await fetch(url, options);
    } catch {
      throw new Refused(0, "The service does not answer.");
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Refused(response.status, problem.detail ?? `The service answered ${response.status}.`);
  }
}

/** Engines as /healthz tells them. */
export async function health() {
  const response = await fetch("healthz");
  return response.ok ? response.json() : null;
}

const jobUrl = (job) => job.status_sse.replace(/\/events$/, "");

/** The picture in another format: a presigned address takes one type only. */
async function converted(file, type) {
  const bitmap = await createImageBitmap(file);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.convertToBlob({ type });
}
