// The areas beside the chat: a fragment from ui/tabs/NAME, driven by static/tabs/NAME.js where that exists.

import { data } from "./net.js";
import { $, clearAlert, fill } from "./dom.js";

let current = {};
let shown = "";

// The area the address names; empty is the chat.
export function named() {
  return new URLSearchParams(location.search).get("tab") ?? "";
}

export function actions() {
  return current.actions ?? {};
}

export async function show(name) {
  current.leave?.();
  current = {};
  shown = name;
  mark(name);
  clearAlert();
  $("app").classList.toggle("in-area", Boolean(name));
  $("area").hidden = !name;
  if (!name) return;
  fill($("area"), '<p class="faint">Opening …</p>');
  try {
    await draw(name);
    $("area").focus({ preventScroll: true }); // off the link: the area's keys work at once
  } catch (error) {
    const text = document.createElement("p");
    text.className = "area-error";
    text.setAttribute("role", "alert");
    text.textContent = `${error.message} ${error.cure ?? ""}`;
    $("area").replaceChildren(text);
  }
}

// The area anew, after something in it has changed.
export function refresh() {
  return shown ? draw(shown) : Promise.resolve();
}

async function draw(name) {
  const { title, html, script } = await data(`ui/tabs/${name}${location.search}`);
  if (shown !== name) return; // another area was opened meanwhile
  fill($("area"), html);
  document.title = `${title} – Crossroads`;
  $("area").setAttribute("aria-label", title);
  if (!script) return;
  current.leave?.();
  current = await import(new URL(`tabs/${name}.js`, import.meta.url));
  await current.enter?.($("area"));
}

function mark(name) {
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.dataset.tab === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
