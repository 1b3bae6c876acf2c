// Files on their way in, and the list of documents.

import { call, data, lines } from "./net.js";
import { $, alertUser, clearAlert, fill, paused, say, sure, wait } from "./dom.js";

const AT_ONCE = 50;
const SHOWN_AFTERWARDS = 6000;
let afterChange = () => {};

export function watchDocuments(changed) {
  afterChange = changed;
  $("document-search").addEventListener("input", paused(refreshDocuments));
  for (const id of ["files", "folder"]) {
    $(id).addEventListener("change", (event) => {
      upload([...event.target.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
      event.target.value = "";
    });
  }
  $("address-form").addEventListener("submit", (event) => {
    event.preventDefault();
    fetchAddress($("address").value.trim());
    event.target.reset();
  });
  watchDrops();
}

export async function openDocuments() {
  if (!$("documents").open) {
    $("into").value = $("collection").value;
    $("known-collections").replaceChildren(...[...$("collection").options].map((option) => new Option(option.value)));
    $("documents").showModal();
    $("documents").onclose = () => { $("into").value = ""; };
  }
  await refreshDocuments();
}

export async function refreshDocuments() {
  const query = new URLSearchParams({ search: $("document-search").value });
  try {
    const { html } = await data(`ui/documents?${query}`);
    fill($("document-list"), html);
    await afterChange();
  } catch (error) {
    fill($("document-list"), "");
    alertUser(error);
  }
}

export async function deleteDocument(item) {
  const name = item.querySelector("bdi").textContent;
  if (!(await sure(`Delete ${name}? Answers will no longer use it, and links to it will stop working.`, "Delete it"))) return;
  try {
    await call(`ui/documents/${encodeURIComponent(item.dataset.document)}`, { method: "DELETE" });
    say(`${name} is deleted.`);
  } catch (error) {
    alertUser(error);
  }
  await refreshDocuments();
}

export async function upload(entries) {
  clearAlert();
  for (let at = 0; at < entries.length; at += AT_ONCE) await uploadSome(entries.slice(at, at + AT_ONCE));
}

// The one thing that asks another machine, and only for what a person typed.
async function fetchAddress(address) {
  try {
    const started = await data("ui/uploads/address", { method: "POST", json: { address, collection: chosenCollection() } });
    await follow(started.upload);
  } catch (error) {
    alertUser(error);
  }
}

function chosenCollection() {
  return $("into").value.trim() || $("collection").value;
}

async function uploadSome(entries) {
  const form = new FormData();
  for (const { file, name } of entries) form.append("files", file, name);
  say(entries.length === 1 ? `sending ${entries[0].name}` : `sending ${entries.length} files`);
  try {
    const collection = encodeURIComponent(chosenCollection());
    const started = await data(`ui/uploads?collection=${collection}`, { method: "POST", form });
    say("");
    await follow(started.upload);
  } catch (error) {
    say("");
    alertUser(error);
  }
}

async function follow(id) {
  const places = [$("tray"), $("upload-list")].map((list) => list.appendChild(group(id)));
  for await (const step of lines(`ui/uploads/${id}`)) {
    if (step.html !== undefined) for (const place of places) fill(place.firstElementChild, step.html);
    if (step.over) finish(step, places);
  }
  await refreshDocuments();
}

function group(id) {
  const item = document.createElement("li");
  item.className = "upload";
  item.dataset.upload = id;
  item.innerHTML = '<ul class="plain"></ul>';
  return item;
}

async function finish(step, places) {
  const loaded = step.files - step.failed;
  say(`${loaded} of ${step.files} ${step.files === 1 ? "file" : "files"} ready${step.failed ? `, ${step.failed} not loaded` : ""}.`);
  if (step.failed) {
    for (const place of places) place.append(dismiss(place));
    await wait(SHOWN_AFTERWARDS);
    for (const done of $("tray").querySelectorAll(`[data-upload="${places[0].dataset.upload}"] .file:not(.failed)`)) done.remove();
  } else {
    await wait(SHOWN_AFTERWARDS);
    for (const place of places) place.remove();
  }
}

function dismiss(place) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Dismiss";
  button.onclick = () => place.remove();
  return button;
}

function watchDrops() {
  let depth = 0;
  const show = (on) => { $("drop").hidden = !on; };
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; show(true); } });
  document.addEventListener("dragleave", (event) => { if (carriesFiles(event)) { depth = Math.max(0, depth - 1); show(depth > 0); } });
  document.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    const found = await Promise.all([...event.dataTransfer.items].map((item) => walk(item.webkitGetAsEntry(), item.getAsFile())));
    upload(found.flat());
  });
}

async function walk(entry, file) {
  if (!entry || entry.isFile) {
    const one = file ?? (await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return one ? [{ file: one, name: entry ? entry.fullPath.replace(/^\//, "") : one.name }] : [];
  }
  const reader = entry.createReader();
  const inside = [];
  for (;;) { // a reader gives at most a hundred entries at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map((one) => walk(one, null)))).flat();
}
