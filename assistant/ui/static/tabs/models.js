// Models: makes a version live, brings the one before back, trains a candidate from grades and tries it.

import { data } from "../net.js";
import { alertUser, clearAlert, say, sure } from "../dom.js";
import { refresh } from "../tabs.js";

let timer = 0;

export function enter(area) {
  if (area.querySelector("#improve-line[data-running]")) timer = setInterval(watch, 2000);
}

export function leave() {
  clearInterval(timer);
}

async function watch() {
  const line = document.getElementById("improve-line");
  try {
    const now = await data("ui/tabs/models/improve");
    if (line && now.line) line.textContent = now.line;
    if (!now.running) await again();
  } catch {
    // the server is busy or gone: the next look will tell
  }
}

async function again() {
  leave();
  await refresh();
}

async function ask(path, json, words) {
  clearAlert();
  try {
    await data(`ui/tabs/models/${path}`, { method: "POST", json });
    await again();
    say(words);
  } catch (error) {
    alertUser(error);
  }
}

export const actions = {
  improve: () => ask("improve", {}, "The cycle has begun."),
  "stop-improving": () => ask("improve/stop", {}, "It stops; it can go on later."),
  canary: ({ dataset }) => ask("canary", { name: dataset.name, version: dataset.version }, "The trial has begun."),
  "end-canary": ({ dataset }) => ask("canary/stop", { name: dataset.name, version: dataset.version }, "The trial is over."),
  promote: (button) => change("promote", button, {}, "is live now"),
  rollback: async (button) => {
    if (await sure(`Bring back the version of ${button.dataset.name} that was live before?`, "Roll back")) {
      await change("rollback", button, {}, "is live again");
    }
  },
  override: async (button) => {
    const reason = prompt("Why may it go live without a passing gate? The reason stays on record.");
    if (reason?.trim()) await change("promote", button, { override: reason.trim() }, "is live now");
  },
};

async function change(what, { dataset }, more, words) {
  clearAlert();
  try {
    const json = { name: dataset.name, version: dataset.version ?? "", ...more };
    const { version } = await data(`ui/tabs/models/${what}`, { method: "POST", json });
    await refresh();
    say(`${dataset.name} ${version} ${words}.`);
  } catch (error) {
    alertUser(error);
  }
}
