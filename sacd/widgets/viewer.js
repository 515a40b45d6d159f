// The viewer of nights and clips: one plain module, run by anywidget in a notebook and by host_shim.js in a page.
//
// Cursor, spectrogram, traces and the time label read one clock: the time of the picture that is on the screen
// (View.shown), never the time that was asked for (View.time). Data comes on request as bytes (Link), whatever a text
// says goes into the page as text.

const CLIP_S = 30;
const GAINS = [20, 35, 50, 75, 100, 150, 200, 300, 500];
const BARS = [10, 20, 25, 50, 75, 100, 150, 200, 500];
const RATES = [0.5, 1, 2, 5, 10];
const KEPT = { clip: 24, preview: 6, night: 6, overview: 6, occlusion: 8 };
const GUTTER = 116, EDGE = 10;
const LIGHTS = [1, 1.5, 2, 3];
const LEAST_MOVEMENT = 0.25; // grey levels that fill the lane, at the least
const PICTURE_REACH = 0.75; // of the usual spacing: farther from any picture there is no video

const LATE = "The kernel has not answered for 10 seconds: it is busy, or gone.";
const LABEL_KEYS = { KeyW: "W", Digit1: "N1", Digit2: "N2", Digit3: "N3", KeyR: "REM", KeyA: "artefact" };
const HELP = [
  [["Space"], "play and pause"],
  [["←", "→"], "clip before, next clip (also B, N)"],
  [["Shift ←", "Shift →"], "error before, next error of the model shown; without a model, change of stage"],
  [[",", "."], "picture before, next picture"],
  [["↑", "↓"], "larger, smaller EEG"],
  [["F"], "next display filter of the EEG"],
  [["M"], "next model"],
  [["P"], "what the student saw, or the full frame rate"],
  [["O"], "where the student looked"],
  [["W", "1", "2", "3", "R"], "your own label of the clip: W, N1, N2, N3, REM"],
  [["A"], "your own label: artefact"],
  [["Shift 1", "… Shift 9"], "filters of the list"],
  [["?", "H"], "this help; Esc closes it"],
];

// ---------------------------------------------------------------------------------------------- small tools

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  // JupyterLab takes digits and "d d" for itself unless told otherwise.
  if (/^(button|input|select)$/.test(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  node.append(...children.filter((child) => child != null));
  return node;
}

function button(text, title, press, attributes = {}) {
  return h("button", { type: "button", title, onclick: press, ...attributes }, text);
}

const ARRAYS = {
  uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array, float64: Float64Array,
};

function unpacked(content, buffers) {
  const found = { ...content };
  (content.arrays || []).forEach(([name, dtype, shape], place) => {
    const bytes = buffers[place];
    const begin = bytes.byteOffset || 0;
    const whole = bytes.buffer || bytes;
    const array = new ARRAYS[dtype](whole.slice(begin, begin + bytes.byteLength)); // copied: a view may be unaligned
    array.shape = shape;
    found[name] = array;
  });
  return found;
}

function two(number) { return String(number).padStart(2, "0"); }

function clockText(seconds, digits = 0) {
  const scale = 10 ** digits;
  const whole = Math.floor(Math.round(seconds * scale) / scale);
  const rest = digits ? (Math.round(seconds * scale) / scale - whole).toFixed(digits).slice(1) : "";
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}${rest}`;
}

function dayStart(start) {
  const found = /^\d{4}-\d\d-\d\d[T ](\d\d):(\d\d)(?::(\d\d))?/.exec(start || "");
  return found ? 3600 * found[1] + 60 * found[2] + Number(found[3] || 0) : null;
}

function clamp(value, low, high) { return Math.min(Math.max(value, low), high); }

// The interval of the clip for which each picture is the nearest, cut where the nearest is too far; null for a picture
// that only repeats the one before (held over a gap, it keeps its time) or that is another clip's.
function bandsOf(times) {
  const own = [...times.keys()].filter((k) => k === 0 || times[k] > times[k - 1]);
  const steps = own.slice(1).map((k, i) => times[k] - times[own[i]]).sort((a, b) => a - b);
  const step = steps.length ? steps[Math.floor(steps.length / 2)] : CLIP_S;
  const reach = PICTURE_REACH * step;
  const bands = Array(times.length).fill(null);
  own.forEach((k, i) => {
    const time = times[k];
    // At the clip's edges the neighbour is in another clip, at most a spacing away.
    const from = i ? Math.max((times[own[i - 1]] + time) / 2, time - reach) : time <= 1.01 * step ? 0 : time - reach;
    const to = i + 1 < own.length ? Math.min((time + times[own[i + 1]]) / 2, time + reach)
      : CLIP_S - time <= 1.01 * step ? CLIP_S : time + reach;
    const band = [Math.max(from, 0), Math.min(to, CLIP_S)];
    if (band[0] < band[1]) bands[k] = band;
  });
  bands.step = step;
  return bands;
}

function bandAt(bands, time) {
  return bands.findIndex((band) => band && time >= band[0] && time < band[1]);
}

// The moment nearest to a picture's own for which it stands: one at the clip's edge may be taken outside of it.
function within(time, band) { return clamp(time, band[0], band[1] - 1e-3); }

function nearest(times, time) {
  let best = 0;
  for (let k = 1; k < times.length; k++) if (Math.abs(times[k] - time) < Math.abs(times[best] - time)) best = k;
  return best;
}

function gapsOf(bands) {
  const gaps = [];
  let end = 0;
  for (const band of bands) {
    if (!band) continue;
    if (band[0] > end + 1e-6) gaps.push([end, band[0]]);
    end = Math.max(end, band[1]);
  }
  if (end < CLIP_S - 1e-6) gaps.push([end, CLIP_S]);
  return gaps;
}

function saved(name, bytes) {
  const address = URL.createObjectURL(new Blob([bytes]));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

// ---------------------------------------------------------------------------------------------- requests

class Link {
  constructor(model) {
    this.model = model;
    this.waiting = new Map();
    this.prefix = Math.random().toString(36).slice(2);
    this.count = 0;
    this.heard = () => {};
    this.hear = (content, buffers) => {
      const wait = this.waiting.get(content.id);
      if (!wait) {
        if (content.kind === "show") this.heard(content);
        return;
      }
      this.waiting.delete(content.id);
      if (content.error) wait.reject(new Error(content.error));
      else wait.resolve(unpacked(content, buffers || []));
    };
    model.on("msg:custom", this.hear);
  }

  ask(kind, about = {}) {
    const id = `${this.prefix}-${++this.count}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.model.send({ ...about, id, kind });
    });
  }

  tell(kind, about) { this.model.send({ ...about, kind }); }

  close() { this.model.off("msg:custom", this.hear); }
}

// Answers by key, the least recently used leave first.
class Shelf {
  constructor() { this.kinds = Object.fromEntries(Object.keys(KEPT).map((kind) => [kind, new Map()])); }

  get(kind, key) {
    const own = this.kinds[kind];
    const found = own.get(key);
    if (found) { own.delete(key); own.set(key, found); }
    return found;
  }

  put(kind, key, value) {
    const own = this.kinds[kind];
    own.set(key, value);
    if (own.size > KEPT[kind]) own.delete(own.keys().next().value);
  }

  forget() {
    for (const own of Object.values(this.kinds)) for (const [key, value] of own) if (value.failed) own.delete(key);
  }
}

// ---------------------------------------------------------------------------------------------- pictures

// The very frames the student saw, drawn pixel by pixel.
class Frames {
  constructor(view, clip) {
    [this.count, this.height, this.width] = clip.frames.shape;
    this.view = view;
    this.frames = clip.frames;
    this.times = clip.times;
    this.bands = bandsOf(clip.times);
    this.picture = new ImageData(this.width, this.height);
    this.picture.data.fill(255);
    this.drawn = -1;
    this.request = 0;
    view.frameSize(this.width, this.height);
  }

  seek(time) {
    const k = bandAt(this.bands, time);
    if (k >= 0 && k !== this.drawn) {
      const size = this.width * this.height;
      for (let i = 0, p = k * size; i < size; i++, p++) {
        const grey = this.frames[p];
        this.picture.data[4 * i] = this.picture.data[4 * i + 1] = this.picture.data[4 * i + 2] = grey;
      }
      this.view.screen.getContext("2d").putImageData(this.picture, 0, 0);
      this.drawn = k;
    }
    this.view.presented(k);
  }

  play() {
    let last = performance.now();
    const step = (now) => {
      this.view.time += Math.max(now - last, 0) / 1000 * this.view.rate;
      last = now;
      if (this.view.time >= CLIP_S) return this.view.ended();
      this.seek(this.view.time);
      this.request = requestAnimationFrame(step);
    };
    this.request = requestAnimationFrame(step);
  }

  pause() { cancelAnimationFrame(this.request); }

  close() { this.pause(); }
}

// The film at full rate; what is on the screen is what its frame callback says, not what was asked for.
class Film {
  constructor(view, clip, preview) {
    this.view = view;
    this.times = preview.times;
    this.begins = preview.begins;
    this.bands = bandsOf(preview.times);
    this.address = URL.createObjectURL(new Blob([preview.file], { type: "video/webm" }));
    this.video = view.video;
    this.video.src = this.address;
    this.closed = false;
    this.playing = false;
    this.target = null;
    this.drawn = -1;
    const onframe = (_, about) => {
      if (this.closed) return;
      this.video.requestVideoFrameCallback(onframe);
      const k = nearest(this.times, about.mediaTime + this.begins);
      // A clip without a key picture at its begin has a film that begins in the clip before.
      const own = this.bands[k] ? k : null;
      view.frameSize(this.video.videoWidth, this.video.videoHeight);
      view.screen.getContext("2d").drawImage(this.video, 0, 0);
      this.drawn = k;
      // Where nothing was asked for, the picture says what time it is; where a gap was, a late picture is none.
      const aim = this.target === null ? own : bandAt(this.bands, this.target);
      if (this.target !== null && k === aim) this.target = null;
      else if (this.target === null && own !== null) view.time = within(this.times[k], this.bands[k]);
      view.presented(aim === -1 ? -1 : own);
    };
    this.video.requestVideoFrameCallback(onframe);
    this.video.onended = () => !this.closed && this.playing && view.ended();
    this.video.onerror = () => !this.closed && view.filmFailed();
  }

  seek(time) {
    const k = bandAt(this.bands, time);
    if (k >= 0 && k === this.drawn && this.target === null) return this.view.presented(k);
    this.target = time;
    if (k < 0) {
      this.video.currentTime = time - this.begins; // from there it plays on
      return this.view.presented(-1);
    }
    // Into the middle of the picture's own time, so that no rounding meets its neighbour.
    const next = k + 1 < this.times.length ? this.times[k + 1] : this.times[k] + this.bands.step;
    this.video.currentTime = (this.times[k] + Math.min(next, this.times[k] + this.bands.step)) / 2 - this.begins;
    this.view.presented(this.drawn < 0 ? null : this.drawn);
  }

  play() {
    this.playing = true;
    this.target = null;
    this.video.playbackRate = this.view.rate;
    this.video.play().catch(() => {});
    // Between pictures that are too far apart there is none: the last one must not stay.
    const watch = () => {
      if (!this.playing || this.closed) return;
      const now = this.video.currentTime + this.begins;
      if (bandAt(this.bands, now) < 0 && now > 0 && now < CLIP_S) { this.view.time = now; this.view.presented(-1); }
      if (now >= CLIP_S) return this.view.ended();
      requestAnimationFrame(watch);
    };
    requestAnimationFrame(watch);
  }

  pause() { this.playing = false; this.video.pause(); }

  close() {
    this.closed = true;
    this.pause();
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
  }
}

// A clip without pictures: the cursor goes where it is put.
class Nothing {
  constructor() { this.bands = []; this.times = []; }
  seek() {}
  play() {}
  pause() {}
  close() {}
}

// ---------------------------------------------------------------------------------------------- drawing

const CIVIDIS = ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"]
  .map((text) => [0, 2, 4].map((at) => parseInt(text.slice(at, at + 2), 16)));

function cividis(value) {
  const at = clamp(value, 0, 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[low].map((part, i) => part + (at - low) * (CIVIDIS[low + 1][i] - part));
}

// A canvas of CSS pixels, sharp on any screen.
function fitted(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  pen.textBaseline = "middle";
  return pen;
}

function line(pen, colour, width, ...points) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

function hatch(pen, colour, x, y, width, height) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  for (let at = x - height; at < x + width; at += 5) line(pen, colour, 1, [at, y + height], [at + height, y]);
  pen.restore();
}

function write(pen, text, x, y, colour, align = "left", room = Infinity) {
  pen.fillStyle = colour;
  pen.textAlign = align;
  let shown = text;
  while (shown.length > 1 && pen.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
  pen.fillText(shown, x, y);
}

// A text in as many lines as it needs.
function paragraph(pen, text, x, y, room, colour) {
  let line = "", at = y;
  for (const word of text.split(" ")) {
    const longer = line ? `${line} ${word}` : word;
    if (line && pen.measureText(longer).width > room) {
      write(pen, line, x, at, colour, "left", room);
      [line, at] = [word, at + 16];
    } else line = longer;
  }
  write(pen, line, x, at, colour, "left", room);
}

// Values over time into a lane, `middle` at half its height.
function trace(pen, colour, lane, x, times, values, offset, count, middle, reach, width = 1) {
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, lane.y, lane.width, lane.height);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.beginPath();
  for (let i = 0; i < count; i++) {
    const y = lane.y + lane.height / 2 - (values[offset + i] - middle) / reach * (lane.height / 2);
    if (i) pen.lineTo(x(times(i)), y); else pen.moveTo(x(times(i)), y);
  }
  pen.stroke();
  pen.restore();
}

const EVENT_MARKS = {
  arousal: "--stage-REM", apnoea: "--warn", hypopnoea: "--stage-W", "limb movement": "--stage-N1",
  "position change": "--stage-N2", artefact: "--soft", "lights off": "--ink", "lights on": "--ink",
};

const KEY_WIDTH = 124;
const BREATHING = ["apnoea", "hypopnoea", "arousal"];

// ---------------------------------------------------------------------------------------------- the viewer

class View {
  constructor(model, root) {
    this.root = root;
    this.link = new Link(model);
    this.link.heard = ({ recording, clip }) => this.go(recording, clip);
    this.shelf = new Shelf();
    this.gain = GAINS.indexOf(100);
    this.rate = 1;
    this.band = null;
    this.run = -1;
    this.film = false;
    this.looking = false;
    this.list = new Int32Array(0);
    this.place = -1;
    this.asked = { names: [], values: {}, uncertain: false };
    this.night = null;
    this.clip = null;
    this.wanted = null;
    this.time = 0;
    this.shown = null;
    this.playing = false;
    this.player = new Nothing();
    this.build();
    this.watchTheme();
    this.onkey = (event) => this.key(event);
    root.addEventListener("keydown", this.onkey);
    this.width = 0;
    this.resized = new ResizeObserver(() => {
      if (root.clientWidth !== this.width) this.redraw();
      this.width = root.clientWidth;
    });
    this.resized.observe(root);
    this.silent = setTimeout(() => this.say("No answer from a kernel: run the cell again."), 15000);
    this.start();
  }

  async start() {
    try {
      this.about = await this.link.ask("hello");
    } catch (error) {
      return this.say(error.message);
    } finally {
      clearTimeout(this.silent);
    }
    this.list = this.about.list;
    this.band = this.about.bands[0] || null;
    this.agreement = this.about.agreement;
    this.run = this.about.runs.length - 1;
    this.label.textContent = this.about.simulated ? this.about.label.replace(" (simulated)", "") : this.about.label;
    this.simulated.hidden = !this.about.simulated;
    this.reader.hidden = !this.about.writable;
    this.look.hidden = !this.about.occlusion;
    this.fillSettings();
    this.fillFilters();
    const [recording, clip] = this.about.here || [this.about.recordings[this.list[0]], this.list[1]];
    this.go(recording, clip);
  }

  close() {
    clearTimeout(this.silent);
    this.player.close();
    this.resized.disconnect();
    this.themed.disconnect();
    this.dark.removeEventListener("change", this.recolour);
    this.root.removeEventListener("keydown", this.onkey);
    this.link.close();
  }

  // ------------------------------------------------------------------------------------------ page

  build() {
    const { root } = this;
    root.classList.add("sacd-viewer");
    root.setAttribute("tabindex", "0");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Viewer of sleep video and signals");
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    root.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("button, input, select")) root.focus({ preventScroll: true });
    });
    root.addEventListener("change", (event) => { if (event.target.matches("select")) root.focus({ preventScroll: true }); });
    this.title = h("span", { class: "title" });
    this.where = h("span", { class: "where" });
    this.flags = h("span");
    this.loading = h("span", { class: "soft", role: "status" });
    this.label = h("span", { class: "soft" });
    this.simulated = h("span", { class: "tag", hidden: true }, "simulated");
    this.bar = h("div", { class: "bar" },
      button("◀", "clip before (←)", () => this.step(-1)), button("▶", "next clip (→)", () => this.step(1)),
      this.title, this.where, this.flags, this.loading, h("span", { class: "grow" }), this.label, this.simulated,
      button("?", "keys (?)", () => this.help()));
    this.banner = h("div", { class: "banner", role: "alert", hidden: true });

    this.nightCanvas = h("canvas");
    this.nightOver = h("canvas", { class: "over" });
    this.nightBox = h("div", { class: "night" }, this.nightCanvas, this.nightOver);
    this.nightBox.addEventListener("pointermove", (event) => { this.nightBox.title = this.nightWords(event); });
    this.nightBox.addEventListener("click", (event) => this.pressNight(event));

    this.video = h("video", { muted: true, playsinline: true, preload: "auto", tabindex: "-1" });
    this.video.muted = true;
    this.screen = h("canvas", { class: "picture", width: 1, height: 1 });
    this.heat = h("canvas", { class: "heat", width: 1, height: 1, hidden: true });
    this.notice = h("div", { class: "notice", hidden: true });
    this.state = h("span", { class: "state", hidden: true });
    this.screenBox = h("div", { class: "screen" }, this.video, this.screen, this.heat, this.notice, this.state);
    this.timeText = h("b");
    this.frameText = h("span", { class: "soft" });
    this.playButton = button("▶ play", "play and pause (space)", () => this.toggle());
    this.rateChoice = h("select", { title: "speed", onchange: () => this.setRate(Number(this.rateChoice.value)) },
      ...RATES.map((rate) => h("option", { value: rate, selected: rate === 1 }, `${rate} ×`)));
    this.lightChoice = h("select", { title: "brightness of the display", onchange: () => { this.screen.style.filter = `brightness(${this.lightChoice.value})`; } },
      ...LIGHTS.map((light) => h("option", { value: light }, `☼ ${light} ×`)));
    this.filmButton = button("full rate", "what the student saw, or the film at full rate (P)", () => this.switchFilm(),
      { "aria-pressed": "false" });
    this.look = button("where it looked", "where the student looked (O)", () => this.switchLook(),
      { "aria-pressed": "false", hidden: true });
    this.said = h("div", { class: "said" });
    this.note = h("input", { type: "text", placeholder: "a note on this clip", maxlength: 2000, "aria-label": "note" });
    this.note.addEventListener("keydown", (event) => { if (event.key === "Enter") { this.remark(null); root.focus({ preventScroll: true }); } });
    this.own = h("div", { class: "soft" });
    this.nudge = h("span", { class: "row", hidden: true },
      h("span", { class: "soft" }, "clock:"),
      button("− 1 picture", "propose: the video is one picture late", () => this.propose(-1)),
      button("+ 1 picture", "propose: the video is one picture early", () => this.propose(1)));
    this.reader = h("div", { class: "reader", hidden: true }, h("span", { class: "soft" }, "your own label and note"),
      h("div", { class: "row labels" }, ...Object.entries(LABEL_KEYS).map(([code, label]) =>
        button(label, `your own label: ${label} (${code.replace(/Key|Digit/, "")})`, () => this.remark(label)))),
      h("div", { class: "row" }, this.note, button("save note", "save the note (Enter)", () => this.remark(null))),
      this.own,
      h("div", { class: "row" }, this.nudge,
        button("export EDF+", "your labels on this night as EDF+ annotations", () => this.export("edf")),
        button("export CSV", "all remarks as a table", () => this.export("csv"))));
    const left = h("div", { class: "left" }, this.screenBox,
      h("div", { class: "time" }, this.timeText, this.frameText),
      h("div", { class: "row" }, this.playButton, this.rateChoice, this.lightChoice, this.filmButton, this.look),
      this.said, this.reader);

    this.gainText = h("b");
    this.bandChoice = h("select", { title: "display filter of the EEG (F); models see it as stored",
      onchange: () => this.setBand(this.bandChoice.value) });
    this.runChoice = h("select", { title: "whose stages the night shows (M)", onchange: () => this.setRun(Number(this.runChoice.value)) });
    this.settings = h("div", { class: "settings" },
      h("span", {}, "EEG ", this.gainText, " "),
      h("span", { class: "row" }, button("−", "smaller (↓)", () => this.setGain(1)), button("+", "larger (↑)", () => this.setGain(-1))),
      h("label", {}, "filter", this.bandChoice), h("label", {}, "model", this.runChoice));
    this.traces = h("canvas");
    this.over = h("canvas", { class: "over" });
    this.tracesBox = h("div", { class: "traces", title: "click: go to that moment" }, this.traces, this.over);
    this.tracesBox.addEventListener("pointerdown", (event) => this.scrub(event));
    this.tracesBox.addEventListener("pointermove", (event) => { if (event.buttons & 1) this.scrub(event); });

    this.filters = h("div", { class: "filters" });
    this.helpBox = h("div", { class: "help", hidden: true, onclick: () => this.help(false) },
      h("div", { role: "dialog", "aria-label": "keys" }, h("b", {}, "Keys"),
        h("dl", {}, ...HELP.flatMap(([keys, text]) => [
          h("dt", {}, ...keys.flatMap((key, i) => (i ? [" ", h("kbd", {}, key)] : [h("kbd", {}, key)]))), h("dd", {}, text)])),
        h("div", { class: "soft" }, "They act while the viewer has the focus, and not while you type.")));
    root.append(this.bar, this.banner, this.nightBox,
      h("div", { class: "body" }, left, h("div", { class: "right" }, this.settings, this.tracesBox)), this.filters, this.helpBox);
  }

  watchTheme() {
    this.dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => {
      const lab = document.body.getAttribute("data-jp-theme-light");
      const page = document.documentElement.getAttribute("data-theme");
      const dark = lab !== null ? lab === "false" : page ? page === "dark" : this.dark.matches;
      this.root.classList.toggle("dark", dark);
      this.redraw();
    };
    this.dark.addEventListener("change", this.recolour);
    this.themed = new MutationObserver(this.recolour);
    this.themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    this.themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.recolour();
  }

  // New content in place of old; keys go on working where the focus was inside.
  swap(box, ...children) {
    const focused = box.contains(document.activeElement);
    box.replaceChildren(...children);
    if (focused) this.root.focus({ preventScroll: true });
  }

  ink(name) { return getComputedStyle(this.root).getPropertyValue(name).trim(); }

  say(text) {
    this.banner.textContent = text || "";
    this.banner.hidden = !text;
  }

  help(open = this.helpBox.hidden) { this.helpBox.hidden = !open; }

  // ------------------------------------------------------------------------------------------ going to a clip

  clipKey({ recording, clip }) { return `${recording}/${clip}/${this.band}`; }

  at(place) {
    if (!(place >= 0 && 2 * place < this.list.length)) return null;
    return { recording: this.about.recordings[this.list[2 * place]], clip: this.list[2 * place + 1], place };
  }

  // Where the list goes on from the clip that is wanted, also when that is not in it.
  step(by) {
    const from = this.place >= 0 ? this.place + by : by > 0 ? this.after : this.after - 1;
    const next = this.at(from);
    if (next) this.go(next.recording, next.clip, next.place);
    return Boolean(next);
  }

  go(recording, clip, place = this.find(recording, clip)) {
    this.wanted = { recording, clip };
    this.place = place;
    this.after = this.following(recording, clip);
    this.shelf.forget();
    this.say("");
    this.loading.textContent = this.clip ? "loading …" : "";
    this.arrived();
    this.pump();
  }

  find(recording, clip) {
    const number = this.about.recordings.indexOf(recording);
    for (let i = 0; i < this.list.length; i += 2) if (this.list[i] === number && this.list[i + 1] === clip) return i / 2;
    return -1;
  }

  following(recording, clip) {
    const number = this.about.recordings.indexOf(recording);
    for (let i = 0; i < this.list.length; i += 2) {
      if (this.list[i] > number || (this.list[i] === number && this.list[i + 1] > clip)) return i / 2;
    }
    return this.list.length / 2;
  }

  // One request at a time, the newest wish first: wishes that were overtaken are never asked for.
  async pump() {
    if (this.pumping) return;
    this.pumping = true;
    for (let need = this.need(); need; need = this.need()) {
      const { kind, key, about } = need;
      const late = setTimeout(() => this.say(LATE), 10000);
      try {
        this.shelf.put(kind, key, await this.link.ask(kind, about));
      } catch (error) {
        this.shelf.put(kind, key, { failed: error.message });
      }
      clearTimeout(late);
      if (this.banner.textContent === LATE) this.say("");
      this.arrived();
    }
    this.pumping = false;
  }

  need() {
    const { wanted } = this;
    if (!wanted) return null;
    const night = ({ recording }) => ({ kind: "night", key: recording, about: { recording } });
    const clip = (one) => ({ kind: "clip", key: this.clipKey(one), about: { recording: one.recording, clip: one.clip, band: this.band } });
    const exact = (kind) => (one) => ({ kind, key: `${one.recording}/${one.clip}`, about: { recording: one.recording, clip: one.clip } });
    const preview = exact("preview");
    const around = [1, -1].map((by) => this.place >= 0 && this.at(this.place + by)).filter(Boolean);
    const record = this.shelf.get("clip", this.clipKey(wanted));
    const wishes = [night(wanted), clip(wanted)];
    if (this.film && record && record.preview) wishes.push(preview(wanted));
    if (this.looking) wishes.push(exact("occlusion")(wanted));
    wishes.push(...around.flatMap((one) => [clip(one), night(one)]));
    if (this.film) wishes.push(...around.filter((one) => (this.shelf.get("clip", this.clipKey(one)) || {}).preview).map(preview));
    const pixels = Math.max(this.nightBox.clientWidth - GUTTER - EDGE, 200);
    wishes.push({ kind: "overview", key: wanted.recording, about: { recording: wanted.recording, pixels } });
    return wishes.find(({ kind, key }) => !this.shelf.get(kind, key)) || null;
  }

  // Shows what is there of what is wanted; everything of a clip changes at once.
  arrived() {
    const { wanted } = this;
    const night = this.shelf.get("night", wanted.recording);
    const clip = this.shelf.get("clip", this.clipKey(wanted));
    if (!night || !clip) return;
    this.loading.textContent = "";
    const failed = night.failed || clip.failed;
    if (failed) return this.say(failed);
    const newNight = night !== this.night;
    if (clip !== this.clip) {
      const same = this.clip && this.clip.recording === clip.recording && this.clip.clip === clip.clip;
      this.night = night;
      this.clip = clip;
      this.take(same);
      if (!same) this.link.tell("moved", { recording: clip.recording, clip: clip.clip });
    }
    const overview = this.shelf.get("overview", wanted.recording);
    const late = overview && !overview.failed && this.overview !== overview;
    this.overview = overview && !overview.failed ? overview : null;
    if (newNight || late) this.drawNight();
    this.drawNightPlace();
    if (this.film && !(this.player instanceof Film)) this.choosePlayer();
    this.drawLook();
  }

  take(same) {
    const { clip, night, root } = this;
    root.dataset.recording = clip.recording;
    root.dataset.clip = clip.clip;
    if (!same) {
      this.time = 0;
      this.note.value = "";
    }
    if (same) this.drawTraces();
    else this.choosePlayer();
    const start = dayStart(night.start) === null ? " from start" : "";
    this.title.textContent = `clip ${clip.clip} · ${this.clock(clip.onset)}${start}`;
    const total = this.list.length / 2;
    this.where.textContent = `${clip.recording} · participant ${night.participant}` +
      (this.place >= 0 ? ` · ${this.place + 1} of ${total} in the list` : ` · not among the ${total} in the list`);
    this.flags.replaceChildren(...clip.flags.map((flag) => h("span", { class: "tag" }, flag.replaceAll("_", " "))));
    this.nudge.hidden = clip.uncertainty == null;
    this.drawSaid();
    this.drawRemarks();
    if (this.list.length) this.listPlace.value = Math.max(this.place, 0);
  }

  choosePlayer() {
    const { clip } = this;
    const preview = this.film ? this.shelf.get("preview", `${clip.recording}/${clip.clip}`) : null;
    this.player.close();
    this.shown = null;
    this.filmButton.disabled = !clip.preview;
    this.filmButton.title = clip.preview ? "what the student saw, or the film at full rate (P)" : "no film at full rate was kept of this night";
    this.filmButton.setAttribute("aria-pressed", String(this.film && clip.preview));
    if (preview && !preview.failed) this.player = new Film(this, clip, preview);
    else if (clip.frames) this.player = new Frames(this, clip);
    else this.player = new Nothing();
    if (preview && preview.failed) this.say(preview.failed);
    this.drawTraces();
    this.player.seek(this.time);
    if (this.player instanceof Nothing) this.presented(-1);
    if (this.playing && this.player instanceof Nothing) this.toggle(false);
    else if (this.playing) this.player.play();
  }

  filmFailed() {
    this.film = false;
    this.say("This browser cannot play the film; these are the frames the student saw.");
    this.choosePlayer();
  }

  frameSize(width, height) {
    if (!width || (this.screen.width === width && this.screen.height === height)) return;
    this.screen.width = width;
    this.screen.height = height;
    this.screenBox.style.aspectRatio = `${width} / ${height}`;
  }

  // ------------------------------------------------------------------------------------------ the one clock

  // A picture stands on the screen: k of the player's, −1 where there is none, null while the first is awaited.
  presented(k) {
    const { player, root } = this;
    const band = k >= 0 && k !== null ? player.bands[k] : null;
    this.shown = band ? { frame: k, time: player.times[k], band } : null;
    const seeking = k === null || (band && !this.playing && (this.time < band[0] || this.time >= band[1]));
    const nothing = k === -1;
    this.notice.hidden = !nothing;
    if (nothing) this.notice.textContent = this.clip.missing.video ? `No video: ${this.clip.missing.video}` : "no video at this moment";
    this.state.hidden = !seeking;
    this.state.textContent = "seeking";
    root.dataset.state = seeking ? "seeking" : nothing ? "no video" : this.playing ? "playing" : "paused";
    root.dataset.frame = this.shown ? this.shown.frame : "";
    root.dataset.time = this.shown ? this.shown.time : "";
    this.drawTime();
    this.drawCursor();
    this.drawHeat();
  }

  // Of a moment of the night, s from its start: on the wall's clock where the start is known.
  clock(seconds, digits = 0) {
    const day = dayStart(this.night.start);
    return clockText(day === null ? seconds : (day + seconds) % 86400, digits);
  }

  drawTime() {
    const { clip, player } = this;
    const moment = this.shown ? this.shown.time : this.time;
    this.timeText.textContent = this.shown || this.notice.hidden === false ? this.clock(clip.onset + moment, 2) : "…";
    const doubt = clip.uncertainty != null ? ` · clock ± ${clip.uncertainty} s` : "";
    const count = player.times.length;
    const source = player instanceof Film ? "film" : clip.measured ? "picture" : "picture (times as sampled)";
    const size = `${this.screen.width} × ${this.screen.height}`;
    this.frameText.textContent = (this.shown ? `${source} ${this.shown.frame + 1} of ${count}, ${size}` : count ? "no picture" : "") + doubt;
  }

  seek(time) {
    this.time = clamp(time, 0, CLIP_S - 1e-3);
    if (this.playing) this.toggle();
    this.player.seek(this.time);
    if (this.player instanceof Nothing) this.presented(-1);
  }

  toggle(playing = !this.playing) {
    if (!this.clip || playing === this.playing || (playing && this.player instanceof Nothing)) return;
    this.playing = playing;
    this.playButton.textContent = playing ? "❚❚ pause" : "▶ play";
    this.playButton.setAttribute("aria-pressed", String(playing));
    if (playing) this.player.play();
    else this.player.pause();
    if (this.shown) this.time = within(this.shown.time, this.shown.band);
    this.presented(this.shown ? this.shown.frame : this.root.dataset.state === "no video" ? -1 : null);
  }

  ended() {
    this.player.pause();
    if (!this.step(1)) this.toggle(false);
  }

  stepFrame(by) {
    if (!this.shown) return;
    let k = this.shown.frame + by;
    while (k >= 0 && k < this.player.times.length && !this.player.bands[k]) k += by;
    if (k >= 0 && k < this.player.times.length) this.seek(within(this.player.times[k], this.player.bands[k]));
  }

  scrub(event) {
    if (!this.clip) return;
    const box = this.tracesBox.getBoundingClientRect();
    const time = (event.clientX - box.left - GUTTER) / (box.width - GUTTER - EDGE) * CLIP_S;
    if (time >= -0.5 && time <= CLIP_S + 0.5) this.seek(time);
  }

  // ------------------------------------------------------------------------------------------ settings

  setRate(rate) {
    this.rate = rate;
    this.video.playbackRate = rate;
  }

  setGain(by) {
    this.gain = clamp(this.gain + by, 0, GAINS.length - 1);
    this.drawTraces();
  }

  setBand(band) {
    this.band = band;
    this.bandChoice.value = band;
    this.arrived();
    this.pump();
  }

  setRun(run) {
    this.run = run;
    this.runChoice.value = run;
    this.drawNight();
    this.drawSaid();
    this.filter();
  }

  switchFilm() {
    if (!this.clip || !this.clip.preview) return;
    this.film = !this.film;
    this.filmButton.setAttribute("aria-pressed", String(this.film));
    if (this.film) this.pump();
    if (!this.film || this.shelf.get("preview", `${this.clip.recording}/${this.clip.clip}`)) this.choosePlayer();
  }

  switchLook() {
    if (!this.about.occlusion) return;
    this.looking = !this.looking;
    this.look.setAttribute("aria-pressed", String(this.looking));
    this.drawLook();
    this.pump();
  }

  fillSettings() {
    const { about } = this;
    this.bandChoice.replaceChildren(...about.bands.map((band) => h("option", { value: band }, band)));
    this.bandChoice.parentElement.hidden = !about.bands.length;
    this.runChoice.replaceChildren(...about.runs.map((run, i) => h("option", { value: i, selected: i === this.run }, run)));
    this.runChoice.parentElement.hidden = !about.runs.length;
  }

  // ------------------------------------------------------------------------------------------ the list and its filters

  fillFilters() {
    const { about, asked } = this;
    const chips = about.filters.map((filter, i) => {
      const on = asked.names.includes(filter.name);
      const hint = i < 9 ? `Shift ${i + 1}` : "";
      if (!filter.choices) return button(filter.title, hint, () => this.ask(filter, !on), { "aria-pressed": String(on), "data-filter": filter.name });
      const choice = h("select", { title: hint, "aria-label": filter.title, "data-filter": filter.name,
        onchange: () => this.ask(filter, choice.value !== "", choice.value) },
        h("option", { value: "" }, `${filter.title}: any`),
        ...filter.choices.map((value) => h("option", { value, selected: on && asked.values[filter.name] === value }, value)));
      return choice;
    });
    this.counted = h("b", {}, String(this.list.length / 2));
    this.listPlace = h("input", { type: "range", min: 0, max: Math.max(this.list.length / 2 - 1, 0), value: Math.max(this.place, 0),
      "aria-label": "place in the list", onchange: () => { const one = this.at(Number(this.listPlace.value)); if (one) this.go(one.recording, one.clip, one.place); } });
    const uncertain = about.runs.length && about.writable
      ? button("most uncertain first", "order of the list", () => { asked.uncertain = !asked.uncertain; this.filter(true); },
        { "aria-pressed": String(asked.uncertain), "data-filter": "uncertain" }) : null;
    // A page without a kernel holds its clips and cannot ask.
    this.swap(this.filters, h("span", {}, this.counted, this.list.length === 2 ? " clip" : " clips"),
      ...(about.writable ? chips : []), ...(uncertain ? [uncertain] : []), this.listPlace);
  }

  ask(filter, on, value = null) {
    const { asked } = this;
    asked.names = asked.names.filter((name) => name !== filter.name);
    delete asked.values[filter.name];
    if (on) asked.names.push(filter.name);
    if (on && value !== null) asked.values[filter.name] = value;
    this.filter(true);
  }

  pressFilter(number) {
    const filter = this.about.filters[number];
    if (!filter || !this.about.writable) return;
    if (!filter.choices) return this.ask(filter, !this.asked.names.includes(filter.name));
    // One with values goes through them: any, the first, the second …
    const next = filter.choices.indexOf(this.asked.values[filter.name]) + 1;
    this.ask(filter, next < filter.choices.length, filter.choices[next]);
  }

  async filter(move = false) {
    const { about, asked } = this;
    if (!about.writable) return;
    const model = about.runs[this.run] || null;
    const baseline = about.runs.find((run) => run !== model) || null;
    const turn = (this.turn = (this.turn || 0) + 1);
    try {
      const found = await this.link.ask("filter", { ...asked, model, baseline });
      if (turn !== this.turn) return;
      this.list = found.list;
      about.filters = found.filters;
    } catch (error) {
      return this.say(error.message);
    }
    const { recording, clip } = this.wanted;
    this.place = this.find(recording, clip);
    this.after = this.following(recording, clip);
    this.fillFilters();
    if (!this.list.length) return this.say("No clip passes these filters.");
    this.say("");
    const first = this.at(0);
    if (move && (this.place < 0 || asked.uncertain)) this.go(first.recording, first.clip, 0);
    else if (this.clip) this.take(true);
  }

  // Errors of the model shown, or changes of stage, in this night.
  jump(by) {
    const { night, clip, run } = this;
    if (!night || !clip) return;
    const { clips, stages } = night;
    const isOne = (i) => (run >= 0 ? this.isError(i) : i > 0 && stages[i] !== stages[i - 1]);
    const here = clips.indexOf(clip.clip);
    for (let i = here + by; i >= 0 && i < clips.length; i += by) if (isOne(i)) return this.go(clip.recording, clips[i]);
    this.say(run >= 0 ? "No further error of this model in this night." : "No further change of stage in this night.");
  }

  // ------------------------------------------------------------------------------------------ remarks

  async remark(label, note = this.note.value.trim()) {
    const { clip, about } = this;
    if (!clip || !about.writable || (!label && !note)) return;
    try {
      const found = await this.link.ask("remark", { recording: clip.recording, clip: clip.clip, label, note });
      const night = this.shelf.get("night", clip.recording);
      if (night && !night.failed) night.remarks = found.remarks;
      this.agreement = found.agreement;
      this.note.value = "";
      this.drawRemarks();
      this.drawNight();
    } catch (error) {
      this.say(error.message);
    }
  }

  propose(by) {
    const step = this.player.bands.step;
    if (step) this.remark(null, `clock proposal: video ${by > 0 ? "+" : "−"}1 picture (${step.toFixed(3)} s)`);
  }

  async export(format) {
    try {
      const found = await this.link.ask("export", { recording: this.clip.recording, format });
      saved(found.name, found.file);
    } catch (error) {
      this.say(error.message);
    }
  }

  drawRemarks() {
    const { night, clip, about } = this;
    const own = night.remarks.filter((remark) => remark.clip === clip.clip).slice(-3);
    const lines = own.map(({ who, label, note }) => `${who}: ${[label === "n/a" ? "" : label, note].filter(Boolean).join(", ")}`);
    const kappa = this.agreement && this.agreement.kappa;
    if (this.agreement) {
      lines.push(`${about.reader} and the scoring: ${Math.round(100 * this.agreement.agreement)} % of ${this.agreement.clips} clips` +
        (kappa == null ? "" : `, κ ${kappa.toFixed(2)}`));
    }
    this.own.replaceChildren(...lines.map((text) => h("div", {}, text)));
  }

  // ------------------------------------------------------------------------------------------ who says what

  drawSaid() {
    const { about, night, clip, run } = this;
    if (!clip) return;
    const count = night.clips.length;
    const row = night.clips.indexOf(clip.clip);
    const chip = (code) => h("span", { class: `stage ${code < 0 ? "none" : about.stages[code]}`,
      style: code < 0 ? null : `background: var(--stage-${about.stages[code]})` }, code < 0 ? "–" : about.stages[code]);
    const cells = [h("span", { class: "name" }, "scored"), chip(clip.stage), h("span"), h("span"), h("span")];
    about.runs.forEach((name, i) => {
      const code = night.predicted[i * count + row];
      const odds = about.order.map((stage) => {
        const at = about.stages.indexOf(stage);
        return [stage, night.probability[(i * count + row) * about.stages.length + at]];
      }).filter(([, odd]) => odd > 0.005);
      const right = code === clip.stage;
      cells.push(
        button(name, `${name}: show its night (M)`, () => this.setRun(i), { class: "name", "aria-pressed": String(i === run) }), chip(code),
        h("span", { class: "odds", title: odds.map(([stage, odd]) => `${stage} ${(100 * odd).toFixed(0)} %`).join(", ") },
          ...odds.map(([stage, odd]) => h("span", { style: `width: ${100 * odd}%; background: var(--stage-${stage})` }))),
        h("span", { class: "soft" }, code < 0 || Number.isNaN(night.probability[(i * count + row) * about.stages.length + code]) ? ""
          : `${(100 * night.probability[(i * count + row) * about.stages.length + code]).toFixed(0)} %`),
        code < 0 || clip.stage < 0 ? h("span") : h("span", { class: right ? "right-sign" : "wrong-sign", title: right ? "agrees with the scoring" : "differs from the scoring" }, right ? "✓" : "✗"));
    });
    this.swap(this.said, ...cells);
  }

  // ------------------------------------------------------------------------------------------ the night

  nightX(onset) {
    const width = this.nightBox.clientWidth - GUTTER - EDGE;
    return GUTTER + (onset - this.night.onsets[0]) / this.nightSpan() * width;
  }

  nightSpan() {
    const { onsets } = this.night;
    return onsets[onsets.length - 1] - onsets[0] + CLIP_S;
  }

  drawNight() {
    const { night, about, run } = this;
    const width = this.nightBox.clientWidth;
    if (!night || !width) return;
    const lanes = [];
    let y = 6;
    const lane = (name, height, draw) => { lanes.push({ name, y, height, width: width - GUTTER - EDGE, draw }); y += height + 4; };
    if (night.events.length) lane("events", 16, this.nightEvents);
    if (this.overview && this.overview.pairs.shape[0] && about.bands.length) lane("EEG of the night", 26, this.nightOverview);
    lane("scored", 66, (pen, one) => this.staircase(pen, one, night.stages, 0));
    if (run >= 0) {
      lane(about.runs[run], 66, (pen, one) => this.staircase(pen, one, night.predicted, run * night.clips.length));
      lane("probability", 30, this.hypnodensity);
      lane("errors", 10, this.nightErrors);
    }
    if (night.remarks.some((remark) => remark.label !== "n/a")) lane("your labels", 12, this.nightLabels);
    const axis = y;
    const types = Object.keys(EVENT_MARKS).filter((type) => night.events.some((one) => one[2] === type));
    const across = Math.max(Math.floor((width - GUTTER - EDGE) / KEY_WIDTH), 1);
    const height = y + 18 + 15 * Math.ceil(types.length / across);
    const pen = fitted(this.nightCanvas, width, height);
    pen.fillStyle = this.ink("--paper");
    pen.fillRect(0, 0, width, height);
    const day = dayStart(night.start);
    const first = night.onsets[0] + (day || 0);
    const span = this.nightSpan();
    const every = [60, 300, 600, 1800, 3600, 7200].find((step) => span / step <= 14) || 14400;
    for (let at = Math.ceil(first / every) * every; at < first + span; at += every) {
      const x = this.nightX(at - (day || 0));
      line(pen, this.ink("--faint"), 1, [x, 4], [x, axis]);
      write(pen, this.clock(at - (day || 0)).slice(0, 5), x, axis + 8, this.ink("--soft"), "center");
    }
    for (const one of lanes) {
      write(pen, one.name, 8, one.y + one.height / 2, this.ink("--soft"), "left", one.height < 40 ? GUTTER - 12 : GUTTER - 62);
      one.draw.call(this, pen, one);
    }
    types.forEach((type, i) => {
      const [x, middle] = [GUTTER + i % across * KEY_WIDTH, axis + 24 + 15 * Math.floor(i / across)];
      pen.fillStyle = this.ink(EVENT_MARKS[type]);
      pen.fillRect(x, middle - 4, 8, 8);
      write(pen, type, x + 13, middle, this.ink("--soft"));
    });
    this.nightHeight = height;
    this.nightAxis = axis;
    this.nightLanes = lanes;
    this.drawNightPlace();
  }

  staircase(pen, lane, codes, offset) {
    const { about, night } = this;
    const { order, stages } = about;
    const height = (code) => lane.y + 5 + order.indexOf(stages[code]) * (lane.height - 10) / (order.length - 1);
    order.forEach((stage, i) => {
      const y = lane.y + 5 + i * (lane.height - 10) / (order.length - 1);
      line(pen, this.ink("--faint"), 1, [GUTTER, y], [GUTTER + lane.width, y]);
      pen.save();
      pen.font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
      write(pen, stage, GUTTER - 18, y, this.ink("--soft"), "right");
      pen.restore();
      pen.fillStyle = this.ink(`--stage-${stage}`);
      pen.fillRect(GUTTER - 13, y - 4, 7, 8);
    });
    pen.strokeStyle = this.ink("--ink");
    pen.lineWidth = 1;
    pen.beginPath();
    let before = null;
    night.onsets.forEach((onset, i) => {
      const code = codes[offset + i];
      const joined = before !== null && onset - night.onsets[i - 1] < 1.5 * CLIP_S;
      if (code < 0) { before = null; return; }
      const [x, end, y] = [this.nightX(onset), this.nightX(onset + CLIP_S), height(code)];
      if (joined) pen.lineTo(x, y); else pen.moveTo(x, y);
      pen.lineTo(end, y);
      before = code;
    });
    pen.stroke();
    const rem = stages.indexOf("REM");
    pen.fillStyle = this.ink("--stage-REM");
    night.onsets.forEach((onset, i) => {
      if (codes[offset + i] !== rem) return;
      const x = this.nightX(onset);
      pen.fillRect(x, height(rem) - 1.5, Math.max(this.nightX(onset + CLIP_S) - x, 1), 3);
    });
  }

  hypnodensity(pen, lane) {
    const { about, night, run } = this;
    const count = night.clips.length;
    const colours = about.order.map((stage) => this.ink(`--stage-${stage}`));
    const places = about.order.map((stage) => about.stages.indexOf(stage));
    // Whole columns of the screen, each the mean of the clips that fall into it.
    const sums = Array.from({ length: Math.ceil(lane.width) + 1 }, () => [0, ...colours.map(() => 0)]);
    night.onsets.forEach((onset, i) => {
      const odds = places.map((place) => night.probability[(run * count + i) * about.stages.length + place]);
      if (odds.some(Number.isNaN)) return;
      const from = Math.floor(this.nightX(onset) - GUTTER);
      const to = Math.max(Math.floor(this.nightX(onset + CLIP_S) - GUTTER), from + 1);
      for (let column = from; column < to && column < sums.length; column++) {
        sums[column][0] += 1;
        odds.forEach((odd, k) => { sums[column][k + 1] += odd; });
      }
    });
    sums.forEach(([clips, ...odds], column) => {
      let y = lane.y;
      if (clips) odds.forEach((odd, k) => {
        pen.fillStyle = colours[k];
        pen.fillRect(GUTTER + column, y, 1, odd / clips * lane.height);
        y += odd / clips * lane.height;
      });
    });
  }

  ticks(pen, lane, colour, isOne) {
    const { night } = this;
    pen.fillStyle = colour;
    night.onsets.forEach((onset, i) => {
      if (!isOne(i)) return;
      const x = this.nightX(onset);
      pen.fillRect(x, lane.y, Math.max(this.nightX(onset + CLIP_S) - x - 0.3, 1), lane.height);
    });
  }

  nightErrors(pen, lane) {
    this.ticks(pen, lane, this.ink("--warn"), (i) => this.isError(i));
  }

  isError(i) {
    const { stages, predicted, clips } = this.night;
    const said = predicted[this.run * clips.length + i];
    return stages[i] >= 0 && said >= 0 && said !== stages[i];
  }

  nightLabels(pen, lane) {
    const latest = new Map(this.night.remarks.filter(({ label }) => label !== "n/a").map(({ clip, label }) => [clip, label]));
    for (const [label, colour] of [...this.about.stages.map((stage) => [stage, `--stage-${stage}`]), ["artefact", "--soft"]]) {
      this.ticks(pen, lane, this.ink(colour), (i) => latest.get(this.night.clips[i]) === label);
    }
  }

  nightEvents(pen, lane) {
    for (const [onset, duration, type] of this.night.events) {
      const x = this.nightX(onset);
      if (x < GUTTER || x > GUTTER + lane.width) continue;
      // Breathing and arousals above, movement and the rest below.
      const above = BREATHING.includes(type);
      pen.fillStyle = this.ink(EVENT_MARKS[type] || "--soft");
      pen.fillRect(x, lane.y + (above ? 0 : lane.height / 2), Math.max(this.nightX(onset + duration) - x, 1), lane.height / 2 - 1);
    }
  }

  nightOverview(pen, lane) {
    const { pairs, start, seconds } = this.overview;
    const count = pairs.shape[1];
    let reach = 1;
    for (let i = 0; i < count; i++) if (pairs[2 * i] <= pairs[2 * i + 1]) reach = Math.max(reach, -pairs[2 * i], pairs[2 * i + 1]);
    const spread = [];
    for (let i = 0; i < count; i++) if (pairs[2 * i] <= pairs[2 * i + 1]) spread.push(Math.max(-pairs[2 * i], pairs[2 * i + 1]));
    reach = spread.sort((a, b) => a - b)[Math.floor(0.98 * spread.length)] || reach;
    const y = (value) => lane.y + lane.height / 2 - clamp(value / reach, -1, 1) * lane.height / 2;
    pen.fillStyle = this.ink("--soft");
    for (let i = 0; i < count; i++) {
      const [low, high] = [pairs[2 * i], pairs[2 * i + 1]];
      if (low > high) continue; // nothing was recorded
      const x = this.nightX(start + i * seconds);
      pen.fillRect(x, y(high), Math.max(this.nightX(start + (i + 1) * seconds) - x, 0.5), Math.max(y(low) - y(high), 0.5));
    }
  }

  drawNightPlace() {
    const { night, clip } = this;
    if (!night || !clip || !this.nightHeight) return;
    const pen = fitted(this.nightOver, this.nightBox.clientWidth, this.nightHeight);
    const x = this.nightX(clip.onset);
    const wide = Math.max(this.nightX(clip.onset + CLIP_S) - x, 2);
    pen.fillStyle = this.ink("--band");
    pen.fillRect(x - 1, 0, wide + 2, this.nightAxis + 2);
    line(pen, this.ink("--cursor"), 1.5, [x + wide / 2, 0], [x + wide / 2, this.nightAxis + 2]);
  }

  nightOnset(event) {
    const box = this.nightBox.getBoundingClientRect();
    return this.night.onsets[0] + (event.clientX - box.left - GUTTER) / (box.width - GUTTER - EDGE) * this.nightSpan();
  }

  // What lies under the pointer.
  nightWords(event) {
    const { night, about } = this;
    if (!night) return "";
    const onset = this.nightOnset(event);
    const row = nearest(night.onsets, onset - CLIP_S / 2);
    const happens = night.events.filter(([begin, duration]) => Math.abs(begin + duration / 2 - onset) <= duration / 2 + CLIP_S).map((one) => one[2]);
    const stage = night.stages[row] < 0 ? "not scored" : about.stages[night.stages[row]];
    return [`${this.clock(night.onsets[row])}, clip ${night.clips[row]}: ${stage}`, ...new Set(happens)].join("\n");
  }

  pressNight(event) {
    const { night } = this;
    if (!night) return;
    const box = this.nightBox.getBoundingClientRect();
    const onset = this.nightOnset(event);
    let row = nearest(night.onsets, onset - CLIP_S / 2);
    // Of what is a pixel wide, the one next to the pointer is meant.
    const lane = this.nightLanes.find(({ y, height }) => event.clientY - box.top >= y - 2 && event.clientY - box.top <= y + height + 2);
    if (lane && lane.draw === this.nightErrors) {
      const wrong = [...night.clips.keys()].filter((i) => this.isError(i));
      if (wrong.length) row = wrong[nearest(wrong.map((i) => night.onsets[i] + CLIP_S / 2), onset)];
    } else if (lane && lane.draw === this.nightEvents) {
      const begin = night.events[nearest(night.events.map((one) => one[0]), onset)][0];
      row = Math.max([...night.onsets].findLastIndex((one) => one <= begin), 0);
    }
    this.go(night.recording, night.clips[row]);
  }

  // ------------------------------------------------------------------------------------------ the clip's traces

  x(time) { return GUTTER + time / CLIP_S * (this.tracesBox.clientWidth - GUTTER - EDGE); }

  drawTraces() {
    const { clip, night } = this;
    const width = this.tracesBox.clientWidth;
    if (!clip || !width) return;
    this.gainText.textContent = `± ${GAINS[this.gain]} µV`;
    if (clip.eeg) this.bandChoice.value = clip.eeg.band;
    const lanes = [];
    let y = 4;
    const lane = (name, unit, height, draw) => { lanes.push({ name, unit, y, height, width: width - GUTTER - EDGE, draw }); y += height + 4; };
    const events = night.events.filter(([onset, duration]) => onset < clip.onset + CLIP_S && onset + duration > clip.onset - 0.01);
    if (night.events.length) lane("events", "", 16, (pen, one) => this.clipEvents(pen, one, events));
    if (clip.eeg) {
      const tall = clip.eeg.names.length > 2 ? 90 : 150;
      clip.eeg.names.forEach((name, channel) => lane(name, clip.eeg.band, tall, (pen, one) => this.eegLane(pen, one, channel)));
      lane("spectrogram", "0–30 Hz", 70, this.spectrumLane);
    } else lane("EEG", "", 60, (pen, one) => paragraph(pen, `No EEG: ${clip.missing.eeg}`, GUTTER + 8, one.y + 14, one.width - 16, this.ink("--soft")));
    if (clip.signals) clip.signals.channels.forEach((name, channel) => lane(name, clip.signals.units[channel], 40, (pen, one) => this.signalLane(pen, one, channel)));
    if (clip.movement) lane("movement", "grey levels", 44, this.movementLane);
    if (this.map && clip.times) lane("looked at", "nats", 36, this.lookLane);
    if (clip.breathing) lane("breathing", "in the picture", 36, this.breathingLane);
    const pictures = { y, height: 10, width: width - GUTTER - EDGE };
    y += 14;
    const bottom = y;
    const height = y + 18;
    const pen = fitted(this.traces, width, height);
    pen.fillStyle = this.ink("--paper");
    pen.fillRect(0, 0, width, height);
    const [faint, grid, soft] = [this.ink("--faint"), this.ink("--line"), this.ink("--soft")];
    const labelled = this.x(5) - this.x(0) < 72 ? 10 : 5;
    for (let second = 0; second <= CLIP_S; second++) {
      line(pen, second % 5 ? faint : grid, 1, [this.x(second), 2], [this.x(second), bottom]);
      if (second % labelled === 0) write(pen, this.clock(clip.onset + second), clamp(this.x(second), GUTTER + 20, width - 30), bottom + 9, soft, "center");
    }
    for (const one of lanes) {
      one.draw.call(this, pen, one);
      line(pen, faint, 1, [GUTTER, one.y + one.height + 2], [width - EDGE, one.y + one.height + 2]);
      const middle = one.y + one.height / 2;
      write(pen, one.name, 8, middle - (one.unit ? 7 : 0), this.ink("--ink"), "left", GUTTER - 26);
      if (one.unit) write(pen, one.unit, 8, middle + 8, soft, "left", GUTTER - 26);
    }
    this.picturesLane(pen, pictures);
    this.tracesHeight = bottom;
    fitted(this.over, width, height);
    this.drawCursor();
  }

  clipEvents(pen, lane, events) {
    let free = GUTTER;
    for (const [onset, duration, type] of events) {
      const from = this.x(clamp(onset - this.clip.onset, 0, CLIP_S));
      const to = Math.max(this.x(clamp(onset + duration - this.clip.onset, 0, CLIP_S)), from + 3);
      pen.fillStyle = this.ink(EVENT_MARKS[type] || "--soft");
      pen.fillRect(from, lane.y + lane.height - 3, to - from, 3);
      const wide = pen.measureText(type).width;
      const at = Math.min(from, this.x(CLIP_S) - wide);
      if (at < free) continue; // its colour says it
      write(pen, type, at, lane.y + 6, this.ink("--ink"));
      free = at + wide + 6;
    }
  }

  eegLane(pen, lane, channel) {
    const { clip } = this;
    const reach = GAINS[this.gain];
    const middle = lane.y + lane.height / 2;
    const y = (value) => middle - value / reach * lane.height / 2;
    // Slow waves of N3 are at least 75 µV from peak to peak: between the guides.
    if (37.5 < reach) {
      pen.setLineDash([5, 4]);
      for (const value of [-37.5, 37.5]) line(pen, this.ink("--guide"), 1, [GUTTER, y(value)], [GUTTER + lane.width, y(value)]);
      pen.setLineDash([]);
    }
    line(pen, this.ink("--line"), 1, [GUTTER, middle], [GUTTER + lane.width, middle]);
    const samples = clip.eeg_values.shape[1];
    trace(pen, this.ink("--trace"), lane, (t) => this.x(t), (i) => i / clip.eeg.hz, clip.eeg_values, channel * samples, samples, 0, reach);
    if (37.5 < reach && !channel) {
      pen.fillStyle = this.ink("--paper");
      pen.fillRect(GUTTER + lane.width - 46, y(37.5) - 15, 46, 14);
      write(pen, "75 µV", GUTTER + lane.width - 4, y(37.5) - 8, this.ink("--guide"), "right");
    }
    const bar = BARS.filter((value) => value / reach * lane.height / 2 <= lane.height * 0.45).pop() || BARS[0];
    const [top, end] = [y(bar / 2), y(-bar / 2)];
    line(pen, this.ink("--ink"), 1.5, [GUTTER - 12, top], [GUTTER - 4, top], [GUTTER - 8, top], [GUTTER - 8, end], [GUTTER - 12, end], [GUTTER - 4, end]);
    write(pen, `${bar} µV`, GUTTER - 4, end + 9, this.ink("--ink"), "right");
  }

  spectrumLane(pen, lane) {
    const { spectrum } = this.clip;
    const [rows, columns] = spectrum.shape;
    const canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    const picture = new ImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = 4 * ((rows - 1 - row) * columns + column);
        picture.data.set([...cividis(spectrum[row * columns + column] / 255), 255], at);
      }
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
    const half = CLIP_S / (columns - 1) / 2;
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, lane.y, lane.width, lane.height);
    pen.clip();
    pen.drawImage(canvas, this.x(-half), lane.y, this.x(CLIP_S + half) - this.x(-half), lane.height);
    pen.restore();
    for (const hz of [10, 20]) {
      const y = lane.y + lane.height * (1 - hz / 30);
      line(pen, this.ink("--soft"), 1, [GUTTER - 4, y], [GUTTER, y]);
      write(pen, String(hz), GUTTER - 6, y, this.ink("--soft"), "right");
    }
  }

  signalLane(pen, lane, channel) {
    const { signals, signal_values, ranges } = this.clip;
    const samples = signal_values.shape[1];
    // One scale a night, so that an apnoea looks flat.
    trace(pen, this.ink("--trace"), lane, (t) => this.x(t), (i) => i / signals.hz, signal_values, channel * samples, samples,
      ranges.signal_middles[channel], ranges.signals[channel] || 1);
  }

  movementLane(pen, lane) {
    const { movement, movement_edges: times, ranges } = this.clip;
    // From the camera's noise upwards, one scale a night.
    const [floor, top] = ranges.movement || [0, Math.max(...movement, 1)];
    const y = (value) => lane.y + lane.height * (1 - clamp((value - floor) / Math.max(top - floor, LEAST_MOVEMENT), 0, 1));
    const edges = Array.from(times, (time) => this.x(clamp(time, 0, CLIP_S)));
    pen.fillStyle = this.ink("--accent");
    movement.forEach((value, i) => pen.fillRect(edges[i], y(value), edges[i + 1] - edges[i] + 0.3, lane.y + lane.height - y(value)));
    write(pen, Math.max(top, floor + LEAST_MOVEMENT).toFixed(1), GUTTER - 4, lane.y + 6, this.ink("--soft"), "right");
    write(pen, floor.toFixed(1), GUTTER - 4, lane.y + lane.height - 6, this.ink("--soft"), "right");
  }

  // What the model loses without each stretch of the clip: the sum over the picture.
  lookLane(pen, lane) {
    const { map, clip } = this;
    const [times, rows, columns] = map.shape;
    const sums = Array.from({ length: times }, (_, i) => map.subarray(i * rows * columns, (i + 1) * rows * columns).reduce((a, b) => a + b, 0));
    const top = Math.max(...sums.map(Math.abs), 1e-6);
    const bands = bandsOf(clip.times);
    sums.forEach((sum, i) => {
      const own = bands.slice(Math.ceil(i * bands.length / times), Math.ceil((i + 1) * bands.length / times)).filter(Boolean);
      if (!own.length) return;
      const [from, to] = [this.x(own[0][0]), this.x(own[own.length - 1][1])];
      const height = Math.abs(sum) / top * lane.height / 2;
      pen.fillStyle = this.ink(sum >= 0 ? "--stage-W" : "--soft");
      pen.fillRect(from, lane.y + lane.height / 2 - (sum >= 0 ? height : 0), to - from - 1, height);
    });
    line(pen, this.ink("--line"), 1, [GUTTER, lane.y + lane.height / 2], [GUTTER + lane.width, lane.y + lane.height / 2]);
    write(pen, top.toFixed(1), GUTTER - 4, lane.y + 6, this.ink("--soft"), "right");
  }

  breathingLane(pen, lane) {
    const { breathing, movement_edges: times, ranges } = this.clip;
    trace(pen, this.ink("--accent"), lane, (t) => this.x(t), (i) => (times[i] + times[i + 1]) / 2, breathing, 0, breathing.length, 0, Math.max(ranges.breathing[0], 0.2), 1.4);
  }

  // A tick for each picture, at its own time, and where there is none.
  picturesLane(pen, lane) {
    const bands = this.player.bands;
    write(pen, "pictures", 8, lane.y + lane.height / 2, this.ink("--ink"));
    pen.fillStyle = this.ink("--soft");
    bands.forEach((band, k) => { if (band && this.player.times[k] >= 0 && this.player.times[k] < CLIP_S) pen.fillRect(this.x(this.player.times[k]) - 0.5, lane.y, 1, lane.height); });
    for (const [from, to] of gapsOf(bands)) hatch(pen, this.ink("--warn"), this.x(from), lane.y, this.x(to) - this.x(from), lane.height);
  }

  drawCursor() {
    if (!this.clip || !this.tracesHeight) return;
    const pen = this.over.getContext("2d");
    const [width, height] = [this.tracesBox.clientWidth, this.tracesHeight];
    pen.clearRect(0, 0, width, height + 20);
    if (this.shown) {
      const [from, to] = this.shown.band.map((time) => this.x(time));
      pen.fillStyle = this.ink("--band");
      pen.fillRect(from, 0, Math.max(to - from, 1), height);
      line(pen, this.ink("--cursor"), 1.2, [this.x(this.shown.time), 0], [this.x(this.shown.time), height]);
    } else if (this.root.dataset.state === "no video") {
      pen.setLineDash([3, 3]);
      line(pen, this.ink("--cursor"), 1.2, [this.x(this.time), 0], [this.x(this.time), height]);
      pen.setLineDash([]);
    }
  }

  // ------------------------------------------------------------------------------------------ where the student looked

  drawLook() {
    const { clip } = this;
    const found = this.looking && clip ? this.shelf.get("occlusion", `${clip.recording}/${clip.clip}`) : null;
    if (found && found.failed) this.say(found.failed);
    const map = found && !found.failed ? found.map : null;
    const other = map !== this.map;
    this.map = map;
    if (other && clip) this.drawTraces();
    this.drawHeat();
  }

  drawHeat() {
    this.heat.hidden = !this.map || !this.shown;
    if (this.heat.hidden) return;
    const [times, rows, columns] = this.map.shape;
    // The map's times are shares of the pictures that the student saw.
    const moment = Math.floor(nearest(this.clip.times, this.shown.time) / this.clip.times.length * times);
    let top = 1e-6;
    for (const value of this.map) top = Math.max(top, value);
    this.heat.width = columns;
    this.heat.height = rows;
    const picture = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const share = Math.max(this.map[moment * rows * columns + i], 0) / top;
      picture.data.set([...cividis(share), 200 * share], 4 * i);
    }
    this.heat.getContext("2d").putImageData(picture, 0, 0);
  }

  // ------------------------------------------------------------------------------------------ keys

  key(event) {
    if (!this.about || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=range]), select, textarea, [contenteditable=true]");
    if (typing) return;
    const { code, shiftKey: shift } = event;
    const digit = /^Digit([1-9])$/.exec(code);
    const acts = {
      Space: () => this.toggle(), ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), KeyB: () => this.step(-1),
      KeyN: () => this.step(1), ArrowUp: () => this.setGain(-1), ArrowDown: () => this.setGain(1), Comma: () => this.stepFrame(-1),
      Period: () => this.stepFrame(1), KeyP: () => this.switchFilm(), KeyO: () => this.switchLook(), KeyH: () => this.help(),
      Escape: () => this.help(false), KeyF: () => this.nextOf(this.about.bands, this.band, (band) => this.setBand(band)),
      KeyM: () => this.nextOf(this.about.runs.map((_, i) => i), this.run, (run) => this.setRun(run)),
    };
    let act = null;
    if (event.key === "?") act = () => this.help();
    else if (shift && digit) act = () => this.pressFilter(digit[1] - 1);
    else if (shift && code === "ArrowLeft") act = () => this.jump(-1);
    else if (shift && code === "ArrowRight") act = () => this.jump(1);
    else if (shift) return;
    else if (code in LABEL_KEYS) act = () => this.remark(LABEL_KEYS[code], "");
    else act = acts[code];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  nextOf(values, value, choose) {
    if (values.length > 1) choose(values[(values.indexOf(value) + 1) % values.length]);
  }

  redraw() {
    if (!this.clip || !this.root.isConnected) return;
    this.drawNight();
    this.drawTraces();
  }
}

export default {
  render({ model, el }) {
    const root = h("div");
    el.append(root);
    const view = new View(model, root);
    return () => view.close();
  },
};
