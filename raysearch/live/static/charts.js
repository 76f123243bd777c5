// Small charts in SVG. All points of one kind are one path, so that 5,000 of them are one element.

const NAMESPACE = "http://www.w3.org/2000/svg";
const ROOM = { left: 52, right: 14, top: 24, bottom: 38 };
const REACH_PX = 28;

// One marker of each kind, around the point where the path stands.
export const SHAPES = [
  "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0",
  "m-2.5-2.5h5v5h-5z",
  "m0-3.2l3 5.4h-6z",
  "m0-3.5l3.5 3.5l-3.5 3.5l-3.5-3.5z",
  "m0 3.2l3-5.4h-6z",
  "m-3.3 0h6.6m-3.3-3.3v6.6",
  "m-2.6-2.6l5.2 5.2m0-5.2l-5.2 5.2",
];
export const TICK = "m0-4v8";
export const CROSS = "m-3-3l6 6m0-6l-6 6";
const RING = "m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0";

export function shape(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function format(value, digits = 4) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e6 || size < 1e-4)
    ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

// Where an axis ends, so that a few values far off do not squash the others.
export function limits(values) {
  if (!values.length) return [0, 1];
  const sorted = Float64Array.from(values).sort();
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const reach = 4 * (at(0.75) - at(0.25)) || Infinity;
  const low = Math.max(sorted[0], at(0.5) - reach);
  const high = Math.min(sorted[sorted.length - 1], at(0.5) + reach);
  const margin = 0.08 * (high - low) || 0.05 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

function ticks(low, high, count) {
  const step = 10 ** Math.floor(Math.log10((high - low) / count));
  const best = [1, 2, 5, 10].map((m) => m * step).find((s) => (high - low) / s <= count);
  const found = [];
  for (let k = Math.ceil(low / best - 1e-9); k * best <= high + 1e-9 * best; k += 1) found.push(k * best);
  return found;
}

const clip = (value, [low, high]) => Math.min(high, Math.max(low, value));
const tenth = (value) => Math.round(value * 10) / 10;

export class Chart {
  constructor(host, xName, yName) {
    this.host = host;
    this.svg = shape("svg", { role: "img" });
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.names = [xName, yName];
    host.replaceChildren(this.svg, this.tip);
    new ResizeObserver(() => this.redraw()).observe(host);
    host.addEventListener("pointermove", (event) => this.point(event));
    host.addEventListener("pointerdown", (event) => this.point(event));
    // A finger leaves as soon as it has tapped; what it asked for stays.
    host.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType === "mouse") this.tip.hidden = true;
    });
  }

  // layers: {kind: "dots" | "line", className, marker, xs, ys, tell(i) -> lines of text}
  draw(spec) {
    this.spec = spec;
    this.redraw();
  }

  redraw() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!this.spec || !width || !height) return;
    this.size = [width, height];
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", this.spec.label ?? "");
    const { x, y } = this.spec;
    const spanX = (width - ROOM.left - ROOM.right) / (x[1] - x[0]);
    const spanY = (height - ROOM.top - ROOM.bottom) / (y[1] - y[0]);
    this.toX = (value) => tenth(ROOM.left + (clip(value, x) - x[0]) * spanX);
    this.toY = (value) => tenth(height - ROOM.bottom - (clip(value, y) - y[0]) * spanY);
    this.svg.replaceChildren(...this.frame(), ...this.spec.layers.map((layer) => this.layer(layer)));
  }

  frame() {
    const [width, height] = this.size;
    const bottom = height - ROOM.bottom;
    const ofX = ticks(...this.spec.x, Math.max(3, Math.floor(width / 95)));
    const ofY = ticks(...this.spec.y, Math.max(3, Math.floor(height / 60)));
    const lines = ofX.map((v) => `M${this.toX(v)} ${ROOM.top}V${bottom}`)
      .concat(ofY.map((v) => `M${ROOM.left} ${this.toY(v)}H${width - ROOM.right}`));
    const texts = ofX.map((v) => this.text(this.toX(v), bottom + 16, "middle", format(v)))
      .concat(ofY.map((v) => this.text(ROOM.left - 7, this.toY(v) + 4, "end", format(v))));
    const [xName, yName] = this.spec.names ?? this.names;
    return [
      shape("path", { class: "grid", d: lines.join("") }),
      shape("path", { class: "axis", d: `M${ROOM.left} ${ROOM.top}V${bottom}H${width - ROOM.right}` }),
      ...texts,
      this.text(width - ROOM.right, height - 5, "end", xName, "name"),
      this.text(4, 13, "start", yName, "name"),
    ];
  }

  text(x, y, anchor, content, className = "") {
    const made = shape("text", { x, y, "text-anchor": anchor, class: className });
    made.textContent = content;
    return made;
  }

  layer({ kind, className, marker, xs, ys }) {
    const parts = new Array(xs.length);
    for (let i = 0; i < xs.length; i += 1) {
      const where = `${this.toX(xs[i])} ${this.toY(ys[i])}`;
      parts[i] = kind === "dots" ? `M${where}${marker}` : `${i ? "L" : "M"}${where}`;
    }
    return shape("path", { class: `${kind} ${className}`, d: parts.join("") });
  }

  // Tell of the point that is nearest to the pointer.
  point(event) {
    if (!this.spec || !this.toX) return;
    const box = this.host.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best = REACH_PX ** 2;
    let found = null;
    for (const layer of this.spec.layers.filter((each) => each.tell)) {
      for (let i = 0; i < layer.xs.length; i += 1) {
        const far = (this.toX(layer.xs[i]) - px) ** 2 + (this.toY(layer.ys[i]) - py) ** 2;
        if (far < best) [best, found] = [far, [layer, i]];
      }
    }
    this.tip.hidden = !found;
    if (found) this.tell(...found);
  }

  tell(layer, i) {
    const lines = layer.tell(i).map((line) => {
      const made = document.createElement("div");
      made.textContent = line;
      return made;
    });
    this.tip.replaceChildren(...lines);
    const [x, y] = [this.toX(layer.xs[i]), this.toY(layer.ys[i])];
    const left = Math.max(0, Math.min(x + 12, this.size[0] - this.tip.offsetWidth));
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${Math.max(0, y - this.tip.offsetHeight - 10)}px`;
  }
}

export const ring = (x, y) => ({ kind: "dots", className: "chosen", marker: RING, xs: [x], ys: [y] });

// One entry of a legend.
export function entry(className, marker, label) {
  const icon = shape("svg", { viewBox: "-9 -7 18 14", "aria-hidden": "true" });
  const kind = marker ? "dots" : "line";
  icon.append(shape("path", { class: `${kind} ${className}`, d: marker ? `M0 0${marker}` : "M-8 0H8" }));
  const made = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = label;
  made.append(icon, name);
  return made;
}
