// Evaluation: starts a run, watches it, compares two.

import { data } from "../net.js";
import { $, alertUser, clearAlert, say, wait } from "../dom.js";
import { refresh, show } from "../tabs.js";

let here = false;

export function enter(area) {
  here = true;
  area.addEventListener("submit", onSubmit);
  watch();
}

export function leave() {
  here = false;
  $("area").removeEventListener("submit", onSubmit);
}

export const actions = {
  "stop-run": () => attempt(() => data("ui/tabs/evaluation/stop", { method: "POST" })),
};

async function onSubmit(event) {
  event.preventDefault();
  const chosen = Object.fromEntries(new FormData(event.target));
  if (event.target.id === "start-run") await attempt(() => start(chosen));
  if (event.target.id === "compare-runs") compare(chosen);
}

async function start({ suite, path, limit }) {
  await data("ui/tabs/evaluation/start", { method: "POST", json: { suite, path, limit: Number(limit) || 0 } });
  say("The evaluation has begun.");
  await watch();
}

// Shows the run under way until it ends, then draws the list anew.
async function watch() {
  let was = false;
  while (here && $("run-live")) {
    const now = await data("ui/tabs/evaluation/progress").catch(() => undefined);
    if (!now || !here || !$("run-live")) return;
    draw(now);
    if (!now.running) {
      if (was) await finish(now);
      return;
    }
    was = true;
    await wait(1000);
  }
}

function draw(now) {
  $("run-live").hidden = !now.running;
  if (!now.running) return;
  const left = now.done ? (now.seconds / now.done) * (now.total - now.done) : 0;
  const counted = now.total ? `${now.done} of ${now.total}, about ${Math.ceil(left)} s left` : now.line;
  $("run-line").textContent = `${now.suite}: ${counted} · ${Math.round(now.seconds)} s`;
  const bar = $("run-progress");
  if (now.total) {
    bar.max = now.total;
    bar.value = now.done;
  } else {
    bar.removeAttribute("value"); // nothing counted yet: the bar only says that something happens
  }
}

async function finish({ code, line }) {
  if (code === 0) say("The evaluation is done.");
  else alertUser({ message: `The evaluation ended early: ${line}` });
  here = false;
  await refresh();
}

function compare({ run, before }) {
  if (!run || !before || run === before) {
    alertUser({ message: "Two different runs are needed.", cure: "Choose one under “now” and another under “before”." });
    return;
  }
  clearAlert();
  history.pushState(null, "", `./?${new URLSearchParams({ tab: "evaluation", run, before })}`);
  show("evaluation");
}

async function attempt(work) {
  clearAlert();
  try {
    await work();
  } catch (error) {
    alertUser(error);
  }
}
