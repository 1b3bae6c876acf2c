// Training: shows a recipe, starts a run, draws its losses while it works, stops it and lets it go on.

import { data } from "../net.js";
import { $, alertUser, clearAlert, say, wait } from "../dom.js";
import { refresh } from "../tabs.js";

let here = 0;

export function enter(area) {
  here += 1;
  $("start-training").addEventListener("submit", onSubmit);
  $("recipe").addEventListener("change", showRecipe);
  showRecipe();
  if ($("watched").dataset.run) watch($("watched").dataset.run, here);
}

export function leave() {
  here += 1;
}

export const actions = {
  "stop-training": () => attempt(async () => {
    await data("ui/tabs/training/stop", { method: "POST" });
    say("The run writes a checkpoint and ends.");
  }),
  "resume-training": () => attempt(() => begin(`resume/${encodeURIComponent($("watched").dataset.run)}`)),
};

async function onSubmit(event) {
  event.preventDefault();
  const { recipe, keys } = Object.fromEntries(new FormData(event.target));
  await attempt(() => begin("start", { recipe, keys }));
}

async function begin(how, wanted = {}) {
  const { run } = await data(`ui/tabs/training/${how}`, { method: "POST", json: wanted });
  history.replaceState(null, "", `./?tab=training&run=${encodeURIComponent(run)}`);
  await refresh();
}

async function showRecipe() {
  const found = await data(`ui/tabs/training/recipe/${$("recipe").value}`).catch(() => undefined);
  if (found && $("recipe-text")) $("recipe-text").textContent = found.text;
}

async function watch(name, visit) {
  for (;;) {
    const now = await data(`ui/tabs/training/runs/${encodeURIComponent(name)}`).catch(() => undefined);
    if (!now || visit !== here || !$("watched")) return;
    draw(now);
    if (now.state !== "running") return;
    await wait(1000);
  }
}

function draw({ state, curves, last, said, error }) {
  const parts = [];
  if (last.step) parts.push(`step ${last.step} of ${last.steps}`);
  if (last.loss !== undefined) parts.push(`loss ${last.loss.toFixed(4)}`);
  if (last.tokens_per_second) parts.push(`${Math.round(last.tokens_per_second)} tokens a second`);
  if (state === "running" && last.seconds_left !== undefined) parts.push(`${left(last.seconds_left)} left`);
  const words = { running: last.step ? "" : "loading the model", done: "done", stopped: "stopped; nothing is lost", failed: "failed" }[state];
  if (words) parts.push(words);
  $("run-figures").textContent = parts.join(" · ");
  $("run-progress").value = last.steps ? last.step / last.steps : 0;
  $("run-said").replaceChildren(...said.map(item));
  $("run-error").textContent = error;
  document.querySelector("[data-do=stop-training]").hidden = state !== "running";
  document.querySelector("[data-do=resume-training]").hidden = !["stopped", "failed"].includes(state) || !last.step;
  plot(curves);
}

function left(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function item(text) {
  const line = document.createElement("li");
  line.textContent = text;
  return line;
}

const WIDTH = 640, HEIGHT = 240, LEFT = 44, BOTTOM = 22;

function plot(curves) {
  const all = Object.values(curves).flat();
  $("losses").parentElement.hidden = all.length < 2;
  if (all.length < 2) return;
  const steps = all.map(([step]) => step), losses = all.map(([, loss]) => loss);
  const box = { first: Math.min(...steps), last: Math.max(...steps), low: Math.min(...losses), high: Math.max(...losses) };
  const x = (step) => LEFT + ((step - box.first) / (box.last - box.first || 1)) * (WIDTH - LEFT - 8);
  const y = (loss) => 8 + ((box.high - loss) / (box.high - box.low || 1)) * (HEIGHT - BOTTOM - 8);
  const lines = Object.entries(curves).map(([name, points]) => {
    const line = element("polyline", { points: points.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" "), class: name === "learnt" ? "learnt" : "held" });
    return line;
  });
  const axis = element("path", { d: `M${LEFT} 8V${HEIGHT - BOTTOM}H${WIDTH - 8}`, class: "axis" });
  const labels = [
    text(LEFT - 6, 16, box.high.toFixed(2), "end"), text(LEFT - 6, HEIGHT - BOTTOM, box.low.toFixed(2), "end"),
    text(LEFT, HEIGHT - 6, `step ${box.first}`, "start"), text(WIDTH - 8, HEIGHT - 6, `${box.last}`, "end"),
  ];
  $("losses").replaceChildren(axis, ...lines, ...labels);
  $("loss-range").textContent = `from ${box.high.toFixed(3)} to ${box.low.toFixed(3)}`;
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function text(x, y, words, anchor) {
  const made = element("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

async function attempt(work) {
  clearAlert();
  try {
    await work();
  } catch (error) {
    alertUser(error);
  }
}
