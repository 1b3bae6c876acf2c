// Knowledge: looks after the documents, shows how they are split, tries a search.

import { data } from "../net.js";
import { $, alertUser, announce, clearAlert, say, sure, wait } from "../dom.js";
import { refresh } from "../tabs.js";

let here = null;

export function enter(area) {
  here = area;
  area.addEventListener("submit", onSubmit);
  area.addEventListener("change", onChange);
  area.addEventListener("click", onClick);
  if (area.querySelector("[data-running]")) watch();
}

export function leave() {
  here?.removeEventListener("submit", onSubmit);
  here?.removeEventListener("change", onChange);
  here?.removeEventListener("click", onClick);
  here = null;
}

export const actions = {
  "kb-delete": remove,
  "kb-again": again,
  "kb-cancel": (button) => attempt(() => post("cancel", { job_id: button.dataset.job }), "The loading was cancelled."),
};

function onSubmit(event) {
  if (event.target.id !== "kb-form") return;
  event.preventDefault();
  const chosen = Object.fromEntries(new FormData(event.target));
  open({ collection: chosen.collection, q: chosen.q.trim() }, "kb-form");
}

function onChange(event) {
  if (event.target.name === "collection") open({ collection: event.target.value }, "kb-form");
}

function onClick(event) {
  const link = event.target.closest("a[data-open]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  open(Object.fromEntries(new URL(link.href).searchParams));
}

// Another view of the area, with an address of its own so that back and reload work.
async function open(query, focus) {
  const asked = new URLSearchParams({ tab: "knowledge" });
  for (const [key, value] of Object.entries(query)) if (value && key !== "tab") asked.set(key, value);
  history.pushState(null, "", `./?${asked}`);
  clearAlert();
  try {
    await refresh();
  } catch (error) {
    return alertUser(error);
  }
  const place = focus ? $(focus)?.elements.q : here?.querySelector("h2");
  if (place && !focus) place.tabIndex = -1;
  place?.focus();
  announce(here?.querySelector("h2")?.textContent ?? "");
}

async function remove(button) {
  const { document: documentId, name } = button.dataset;
  if (!(await sure(`Delete “${name}”? Its passages and its stored file go with it.`, "Delete"))) return;
  await attempt(() => post("delete", { document_id: documentId }), `${name} was deleted.`);
}

async function again(button) {
  const { source, collection, document: documentId } = button.dataset;
  button.disabled = true;
  const done = await attempt(() => post("again", { source, collection, document_id: documentId }), "It is being loaded again.");
  if (done) await watch();
}

function post(name, json) {
  return data(`ui/tabs/knowledge/${name}`, { method: "POST", json });
}

async function attempt(work, told) {
  clearAlert();
  try {
    await work();
    await refresh();
    say(told);
    return true;
  } catch (error) {
    alertUser(error);
    return false;
  }
}

// Draws the area anew while something is being loaded, unless somebody is typing in it.
async function watch() {
  const mine = here;
  for (let round = 0; mine && mine === here && round < 400; round++) {
    await wait(1500);
    if (mine !== here || here.contains(document.activeElement?.closest("input, select"))) continue;
    await refresh().catch(alertUser);
    if (!here?.querySelector("[data-running]")) return;
  }
}
