// Follows a study by server-sent events and draws what it is told. Data only ever become text.

import { CROSS, Chart, SHAPES, TICK, entry, format, limits, ring } from "./charts.js";

const COMPLETE = 0, PRUNED = 1, FAIL = 2;
const AGAIN_MS = 4000;
const CURVES = new Set(["val_sic", "val_loss", "max_sic", "recommended", "optimal"]);
const WORDS = { val_sic: "val SIC", val_loss: "val loss", max_sic: "max SIC" };

const get = (id) => document.getElementById(id);
const word = (name) => WORDS[name] ?? name;
// A parameter without the detector in front, as in hgb/max_iter.
const short = (name) => name.split("/").pop();
const say = (id, text) => { get(id).textContent = text; };

// What was received: columns of all trials that have ended, and the head of the last message.
let trials = none();
let head = null;
let outcome = null;
let life = "";
let offsetS = 0;
let byTime = false;
let isDue = false;

const charts = {
  history: new Chart(get("history"), "trials that have ended", ""),
  correlation: new Chart(get("correlation"), "val SIC", "max SIC"),
  sic: new Chart(get("sic"), "signal efficiency", "significance improvement"),
};

function none() {
  return { number: [], state: [], detector: [], end: [], seconds: [], spread: [], metrics: [] };
}

function receive({ life: current, from, now, rows, head: told }) {
  if (current !== life || from < trials.number.length) {
    if (from !== 0) return; // of another life; the next message begins anew
    [trials, life] = [none(), current];
  }
  for (const [number, state, detector, end, seconds, spread, ...metrics] of rows) {
    trials.number.push(number);
    trials.state.push(state);
    trials.detector.push(detector);
    trials.end.push(end);
    trials.seconds.push(seconds);
    trials.spread.push(spread);
    trials.metrics.push(metrics);
  }
  [head, offsetS] = [told, now - Date.now() / 1000];
  draw();
}

// Once for all that has come since the last picture.
function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    const start = performance.now();
    if (head) drawHead();
    if (head) drawHistory();
    if (head) drawCorrelation();
    drawOutcome();
    performance.clearMeasures("update");
    performance.measure("update", { start });
  });
}

function drawHead() {
  const { settings: s, phase, counts } = head;
  document.title = `${head.name} · raysearch`;
  say("name", head.name);
  say("about", [
    `${s.mode} background`, `${s.features} features`, `space ${s.space}`, `${s.sampler} sampler`,
    s.strategy !== "joint" && `strategy ${s.strategy}`,
    `${s.repeats} repeats`, `seed ${s.seed}`, head.created && `begun ${head.created}`,
  ].filter(Boolean).join(" · "));
  say("phase", phase.name);
  get("phase").className = `pill ${phase.name === "ended early" ? "early" : phase.name}`;
  say("phase-sentence", phase.name === "running" ? "" : phase.sentence);
  say("problem", head.problem);
  get("problem").hidden = !head.problem;
  drawCounts(counts);
  drawBest();
  drawRunning(counts);
  drawFailures(counts);
  fill("links", head.links, link);
  tick();
}

function drawCounts(counts) {
  const ended = counts.COMPLETE + counts.PRUNED + counts.FAIL;
  say("trials", `${ended} of ${counts.asked}`);
  say("trials-note", [
    `${counts.COMPLETE} complete`, counts.PRUNED && `${counts.PRUNED} stopped early`,
    `${counts.FAIL} failed`, `${counts.RUNNING} running`,
  ].filter(Boolean).join(", "));
  for (const state of ["COMPLETE", "PRUNED", "FAIL"]) {
    const share = counts.asked ? (100 * counts[state]) / counts.asked : 0;
    get(`bar-${state.toLowerCase()}`).style.width = `${share}%`;
  }
}

function drawBest() {
  const { best, settings: { objective } } = head;
  say("best-label", `best ${word(objective)}`);
  get("setup-none").hidden = best !== null;
  get("setup").hidden = best === null;
  if (!best) {
    say("best", "–");
    return;
  }
  say("best", format(best.objective));
  say("best-note", `± ${format(best.spread, 2)} over repeats; ${best.detector}, trial ${best.trial}`);
  const rows = [["trial", best.trial], ["detector", best.detector]];
  for (const [name, value] of Object.entries(best.means)) {
    if (value !== null) rows.push([word(name), format(value)]);
  }
  rows.push(...best.parameters.filter(([name]) => name !== "detector"));
  get("setup").replaceChildren(...rows.flatMap(([name, value]) => [
    element("dt", "", short(name)), element("dd", "", value),
  ]));
}

function drawRunning(counts) {
  say("running-count", counts.RUNNING || "");
  get("running-none").hidden = counts.RUNNING > 0;
  fill("running", head.running, (trial) => {
    const made = element("li");
    const since = element("span", "quiet");
    since.dataset.since = trial.since ?? "";
    const told = trial.parameters
      .map(([name, value]) => (name === "detector" ? value : `${short(name)} ${value}`)).join(" · ");
    made.append(element("span", "what", trial.trial), since, element("span", "note", told));
    return made;
  });
  const more = counts.RUNNING - head.running.length;
  if (more > 0) get("running").append(element("li", "quiet", `and ${more} more`));
}

function drawFailures(counts) {
  say("failed-count", counts.FAIL || "");
  get("failed-none").hidden = counts.FAIL > 0;
  fill("failed", head.failures, ({ reason, count, trials: named }) => {
    const made = element("div", "failure");
    const more = count > named.length ? " and earlier ones" : "";
    const what = `${count} ${count === 1 ? "trial" : "trials"}: ${named.join(", ")}${more}`;
    made.append(element("b", "", what), element("pre", "", reason));
    return made;
  });
}

function link({ label, url, command, note }) {
  const made = element("li");
  made.append(element("span", "what", label));
  if (/^https?:\/\//.test(url)) {
    const anchor = element("a", "", url);
    anchor.href = url;
    anchor.rel = "noreferrer noopener";
    made.append(anchor);
  }
  if (command) made.append(element("code", "", command));
  if (note) made.append(element("span", "note", note));
  return made;
}

function drawHistory() {
  const { objective } = head.settings;
  const place = head.metrics.indexOf(objective);
  say("history-title", `${word(objective)} (${head.direction === "max" ? "larger" : "smaller"} is better)`);
  const start = trials.end.find((end) => end !== null) ?? 0;
  const hours = byTime && (trials.end[trials.end.length - 1] ?? start) - start > 2 * 3600;
  const unit = hours ? 3600 : 60;
  const at = (i) => (byTime ? ((trials.end[i] ?? start) - start) / unit : i + 1);
  const value = (i) => trials.metrics[i][place];
  const valued = indices((i) => trials.state[i] === COMPLETE && value(i) !== null);
  const y = limits(valued.map(value));
  const last = trials.number.length - 1;
  const end = last < 0 ? 0 : at(last);
  const x = byTime ? [0, Math.max(0.1, end)] : [0.5, Math.max(10, end) + 0.5];
  const below = () => y[0];
  const layers = [
    dots(indices((i) => trials.state[i] === PRUNED), "pruned", TICK, at, below),
    ...head.detectors.map((_, kind) => dots(
      valued.filter((i) => trials.detector[i] === kind), `d${kind % 7}`, SHAPES[kind % 7], at, value)),
    bestSoFar(valued, at, value, end),
    dots(indices((i) => trials.state[i] === FAIL), "fail", CROSS, at, below),
  ].filter((layer) => layer.xs.length);
  const xName = byTime ? `${hours ? "hours" : "minutes"} since the first trial ended` : "trials that have ended";
  const label = `${word(objective)} of ${valued.length} complete trials, best ${format(head.best?.objective ?? null)}`;
  charts.history.draw({ x, y, layers, label, names: [xName, word(objective)] });
  get("history-legend").replaceChildren(
    ...head.detectors.map((name, kind) => entry(`d${kind % 7}`, SHAPES[kind % 7], name)),
    entry(CURVES.has(objective) ? objective : "other", "", "best so far"),
    ...(head.counts.PRUNED ? [entry("pruned", TICK, "stopped early")] : []),
    ...(head.counts.FAIL ? [entry("fail", CROSS, "failed")] : []),
  );
}

function bestSoFar(valued, at, value, end) {
  const better = head.direction === "max" ? Math.max : Math.min;
  const [xs, ys] = [[], []];
  let best = null;
  for (const i of valued) {
    const now = best === null ? value(i) : better(best, value(i));
    if (now === best) continue;
    if (best !== null) { xs.push(at(i)); ys.push(best); }
    xs.push(at(i));
    ys.push(now);
    best = now;
  }
  if (best !== null) { xs.push(end); ys.push(best); }
  const { objective } = head.settings;
  return { kind: "line", className: CURVES.has(objective) ? objective : "other", xs, ys };
}

function drawCorrelation() {
  const found = head.correlation;
  get("correlation").hidden = !found;
  if (!found) return;
  const rank = found.rank === null ? "not defined" : (found.rank < 0 ? "" : "+") + format(found.rank, 2);
  say("correlation-note", `Rank correlation ${rank} over ${found.trials} complete trials; labels choose nothing.`);
  const [a, b] = ["val_sic", "max_sic"].map((name) => head.metrics.indexOf(name));
  const [of, to] = [a, b].map((place) => (i) => trials.metrics[i][place]);
  const both = indices((i) => trials.state[i] === COMPLETE && of(i) !== null && to(i) !== null);
  const layers = head.detectors.map((_, kind) => dots(
    both.filter((i) => trials.detector[i] === kind), `d${kind % 7}`, SHAPES[kind % 7], of, to));
  const best = head.best?.means;
  if (best && best.val_sic !== null && best.max_sic !== null) layers.push(ring(best.val_sic, best.max_sic));
  const [x, y] = [limits(both.map(of)), limits(both.map(to))];
  const label = `max SIC against val SIC of ${both.length} trials, rank correlation ${rank}`;
  charts.correlation.draw({ x, y, layers: layers.filter((layer) => layer.xs.length), label });
}

function drawOutcome() {
  get("verdict").hidden = !outcome || !(outcome.headline || outcome.sentences.length);
  const curves = outcome?.curves ?? [];
  get("sic").hidden = !curves.length;
  say("sic-note", curves.length
    ? "Of the retrained choices on labelled test events, where the background is known to 20%."
    : outcome?.absence ? `Not shown: ${outcome.absence}`
      : "It appears when the search is over and the chosen setups are retrained: a trial stores its metrics, not its scores.");
  if (!outcome) {
    get("sic-legend").replaceChildren();
    return;
  }
  say("headline", outcome.headline);
  get("sentences").replaceChildren(...outcome.sentences.map((text) => element("p", "", text)));
  const kinds = curves.map(({ name }) => (CURVES.has(name) ? name : "other"));
  get("sic-legend").replaceChildren(...curves.map(({ label }, k) => entry(kinds[k], "", label)));
  if (!curves.length) return;
  const shares = Array.from({ length: 51 }, (_, k) => k / 50);
  const layers = [{ kind: "line", className: "random", xs: shares, ys: shares.map(Math.sqrt) }];
  layers.push(...curves.map(({ label, x, y }, k) => ({
    kind: "line", className: kinds[k], xs: x, ys: y,
    tell: (i) => [label, `SIC ${format(y[i], 3)} at efficiency ${format(x[i], 3)}`],
  })));
  const top = Math.max(1, ...curves.flatMap(({ y }) => y));
  charts.sic.draw({ x: [0, 1], y: [0, 1.08 * top], layers, label: "SIC curves of the choices" });
}

const indices = (holds) => [...trials.number.keys()].filter(holds);

function dots(which, className, marker, x, y) {
  const tell = (k) => {
    const i = which[k];
    const state = ["", "stopped early", "failed"][trials.state[i]];
    const metrics = head.metrics.map((name, place) => [name, trials.metrics[i][place]])
      .filter(([, value]) => value !== null).map(([name, value]) => `${word(name)} ${format(value)}`);
    const title = `trial ${String(trials.number[i]).padStart(5, "0")}, ${head.detectors[trials.detector[i]]}`;
    return [title, ...metrics, `${format(trials.seconds[i], 3)} s`, state].filter(Boolean);
  };
  return { kind: "dots", className, marker, xs: which.map(x), ys: which.map(y), tell };
}

function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function fill(id, items, make) {
  get(id).replaceChildren(...items.map(make));
}

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.floor(s / 60)} min ${s < 600 ? `${s % 60} s` : ""}`.trim();
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.round(s / 86400)} days`;
}

// What changes with the clock alone.
function tick() {
  if (!head) return;
  const now = Date.now() / 1000 + offsetS;
  const { pace } = head;
  const left = head.ends_at === null ? null : head.ends_at - now;
  say("left", left === null ? "–" : left > 1 ? `~ ${duration(left)}` : "soon");
  say("left-note", head.goes_on
    ? (left === null ? "known after three trials" : "of search; retraining follows")
    : "nothing is running");
  if (head.phase.name === "retraining") say("left-note", "the search is over");
  say("workers", pace && head.phase.name === "running" ? format(pace.busy_workers, 2) : "–");
  say("workers-note", pace ? `${format(pace.trial_s, 2)} s a trial, one ends every ${format(pace.interval_s, 2)} s` : "");
  for (const since of document.querySelectorAll("[data-since]")) {
    since.textContent = since.dataset.since ? `for ${duration(now - Number(since.dataset.since))}` : "";
  }
  drawRemote(now);
  const last = head.last_write;
  say("connection", `Live: changes arrive by themselves.${last ? ` The study last wrote ${duration(now - last)} ago.` : ""}`);
}

function drawRemote(now) {
  const { remote } = head;
  get("remote").hidden = !remote;
  if (!remote) return;
  const age = remote.published === null ? "of unknown age" : `${duration(Math.max(0, now - remote.published))} old`;
  say("remote", `Read from ${remote.uri}; the snapshot shown is ${age}.${remote.problem ? ` Newer ones cannot be read: ${remote.problem}` : ""}`);
}

function follow() {
  const source = new EventSource("/events");
  source.addEventListener("state", (event) => receive(JSON.parse(event.data)));
  source.addEventListener("outcome", (event) => {
    outcome = JSON.parse(event.data);
    draw();
  });
  source.addEventListener("open", () => { isCut = false; tick(); });
  source.addEventListener("error", () => {
    isCut = true;
    say("phase", "cut off");
    get("phase").className = "pill cut";
    say("connection", "Cut off from the page's process; what is shown is old. Trying again.");
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN_MS);
  });
}

let isCut = true;

function choose(time) {
  byTime = time;
  get("by-time").setAttribute("aria-pressed", String(time));
  get("by-trial").setAttribute("aria-pressed", String(!time));
  draw();
}

get("by-time").addEventListener("click", () => choose(true));
get("by-trial").addEventListener("click", () => choose(false));
setInterval(() => { if (!isCut) tick(); }, 1000);
follow();
