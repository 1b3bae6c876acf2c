// Starts the page, gives every click and key its meaning, and keeps the address in step with the conversation.

import { data } from "./net.js";
import { $, alertUser, clearAlert, fill, say, wait } from "./dom.js";
import * as chat from "./chat.js";
import * as documents from "./documents.js";
import { showMe, signOut } from "./me.js";
import * as sidebar from "./sidebar.js";
import { closeEvidence, openEvidence } from "./evidence.js";
import * as tabs from "./tabs.js";
import { toNewest, watchScroll } from "./scroll.js";

let started = false;
let thread = "";

export async function start() {
  if (started) return;
  started = true;
  watchScroll();
  sidebar.watchSidebar();
  documents.watchDocuments(afterDocuments);
  chat.watchChat(afterBeginning, afterAnswer);
  watchComposer();
  document.addEventListener("click", onClick);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("keydown", onKey);
  document.addEventListener("toggle", onToggle, true);
  addEventListener("popstate", () => open());
  showMe();
  await open();
  if (matchMedia("(min-width: 900px)").matches) $("ask").focus();
}

// Show what the address names: an area, or a conversation.
async function open() {
  const area = tabs.named();
  await tabs.show(area).catch(alertUser);
  if (area) return refreshFooter().catch(alertUser);
  const query = new URLSearchParams(location.search);
  const asked = new URLSearchParams({ thread: query.get("thread") ?? "" });
  let state;
  try {
    state = await openState(asked);
  } catch (error) {
    if (error.type !== "not_found") return alertUser(error);
    history.replaceState(null, "", "./");
    state = await data("ui/state");
    alertUser({ message: "That conversation is not here any more.", cure: "It may have been deleted." });
  }
  thread = state.thread;
  show(state);
  whileLoading(state);
}

// A service that is still loading its models is waited for.
async function openState(asked) {
  for (;;) {
    try {
      return await data(`ui/state?${asked}`);
    } catch (error) {
      if (error.status !== 503 && error.type !== "offline") throw error;
      say(error.type === "offline" ? "waiting for Crossroads" : error.message);
      await wait(1500);
    }
  }
}

function show(state) {
  chat.showThread(thread);
  closeEvidence();
  fill($("chat"), state.chat);
  fill($("threads"), state.sidebar);
  setTitle(state.title);
  frameOf(state);
  say("");
  toNewest();
  if (state.run) chat.resume(state.run);
}

function frameOf(state) {
  $("foot").textContent = state.footer;
  options($("path"), state.paths);
  options($("model"), state.models);
  options($("collection"), state.collections);
  $("document-count").textContent = state.documents ? `(${state.documents.toLocaleString("en")})` : "";
  if ($("model").selectedIndex > 0) refreshFooter().catch(alertUser);
}

// Until everything is loaded: say what is awaited, then bring what depends on it up to date.
async function whileLoading(state) {
  const mine = thread;
  while (state.loading.length && mine === thread) {
    if (!chat.busy()) say(`loading ${state.loading.join(", ")}`);
    await wait(1500);
    state = await openState(new URLSearchParams({ thread }));
    if (mine !== thread) return;
    frameOf(state);
    if ($("chat").querySelector(".empty")) fill($("chat"), state.chat);
    if (!state.loading.length && !chat.busy()) say("");
  }
}

function setTitle(title) {
  $("top-title").textContent = title;
  document.title = title ? `${title} – Crossroads` : "Crossroads";
}

function options(select, items) {
  const before = select.value;
  select.replaceChildren(...items.map(({ value, words, why }) => {
    const option = new Option(why ? `${words} (${why})` : words, value);
    option.disabled = Boolean(why);
    return option;
  }));
  if (items.some((item) => item.value === before && !item.why)) select.value = before;
}

function afterBeginning(now) {
  thread = now;
  history.replaceState(null, "", `./?thread=${encodeURIComponent(now)}`);
  afterAnswer(null);
}

// `failed` is a turn that should have replaced others: they came back, and it stands below them.
async function afterAnswer(failed) {
  if (failed) {
    const state = await openState(new URLSearchParams({ thread }));
    fill($("chat"), state.chat);
    const last = $("chat").lastElementChild;
    if (last?.querySelector(".interrupted")) { // the same question again: its failure tells more
      failed.dataset.question = last.dataset.question;
      last.remove();
    }
    $("chat").append(failed);
    toNewest();
  }
  await sidebar.refreshThreads(thread);
  setTitle($("threads").querySelector('[aria-current="page"]')?.textContent ?? "");
}

// What is loaded decides what can be asked: the paths, the collections, the first questions.
async function afterDocuments() {
  const state = await openState(new URLSearchParams({ thread }));
  frameOf(state);
  if ($("chat").querySelector(".empty")) fill($("chat"), state.chat);
}

async function refreshFooter() {
  const { footer } = await data(`ui/footer?model=${encodeURIComponent($("model").value)}`);
  $("foot").textContent = footer;
}

function go(address) {
  history.pushState(null, "", address);
  clearAlert();
  sideDrawer(false);
  return open();
}

function newConversation() {
  $("ask").focus();
  return go("./");
}

function watchComposer() {
  const box = $("ask");
  const grow = () => {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, innerHeight * 0.4)}px`;
  };
  box.addEventListener("input", grow);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  $("model").addEventListener("change", () => refreshFooter().catch(alertUser));
  box.regrow = grow;
}

async function send() {
  const box = $("ask");
  const question = box.value;
  if (chat.busy() || !question.trim()) return;
  box.value = "";
  box.regrow();
  if (!(await chat.ask({ question })) && !box.value) {
    box.value = question; // refused: nothing typed is lost
    box.regrow();
  }
}

function onSubmit(event) {
  if (event.target.id === "composer") {
    event.preventDefault();
    send();
  } else if (event.target.matches("form.comment")) {
    event.preventDefault();
    chat.comment(event.target);
  }
}

function sideDrawer(on) {
  $("app").classList.toggle("side-open", on);
  document.querySelector('.top [data-do="side"]').setAttribute("aria-expanded", String(on));
}

const ACTIONS = {
  new: () => newConversation(),
  side: () => sideDrawer(!$("app").classList.contains("side-open")),
  options: (button) => button.setAttribute("aria-expanded", String($("options").classList.toggle("open"))),
  stop: () => chat.stop(),
  newest: () => toNewest(),
  attach: () => $("files").click(),
  "attach-folder": () => $("folder").click(),
  documents: () => { sideDrawer(false); return documents.openDocuments(); },
  keys: () => $("keys").showModal(),
  "sign-out": () => signOut().catch(alertUser),
  "close-dialog": (button) => button.closest("dialog").close(),
  "close-evidence": () => closeEvidence(),
  example: (button) => { $("ask").value = button.textContent; send(); },
  consent: (button) => chat.consent(button),
  again: (button) => chat.again(button.closest("article")),
  path: (button) => chat.again(button.closest("article"), button.dataset.path),
  edit: (button) => chat.edit(button.closest("article")),
  copy: (button) => chat.copy(button.closest(".answer").querySelector("textarea.source").value, button),
  "copy-code": (button) => chat.copy(button.closest(".code").querySelector("code").textContent, button),
  vote: (button) => chat.vote(button),
  "no-comment": (button) => { button.closest("form").hidden = true; },
  rename: (button) => sidebar.rename(button.closest("li"), thread),
  delete: (button) => removeThread(button.closest("li")),
  "delete-document": (button) => documents.deleteDocument(button.closest("li")),
};

function onClick(event) {
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0;
  const cite = event.target.closest("[data-cite]");
  if (cite && !modified) {
    if (openEvidence(cite)) event.preventDefault();
    return;
  }
  const link = event.target.closest(".threads li > a");
  if (link && !modified) {
    event.preventDefault();
    go(link.getAttribute("href"));
    return;
  }
  const tab = event.target.closest(".tabs a");
  if (tab && !modified) {
    event.preventDefault();
    go(tab.getAttribute("href"));
    return;
  }
  if (event.target.closest(".middle")) sideDrawer(false);
  const button = event.target.closest("[data-do]");
  if (button) (tabs.actions()[button.dataset.do] ?? ACTIONS[button.dataset.do])(button);
  if (!event.target.closest("details.menu > summary")) closeMenus(event.target);
}

function closeMenus(target) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const inside = menu.contains(target);
    if (!inside || target.closest("[data-do], a")) menu.open = false;
  }
}

function onToggle(event) {
  if (!event.target.matches("details.menu") || !event.target.open) return;
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== event.target) menu.open = false;
  placeMenu(event.target);
}

// Upwards where there is no room below.
function placeMenu(menu) {
  menu.classList.remove("up");
  const items = menu.querySelector(".menu-items").getBoundingClientRect();
  const room = menu.closest(".chat, .threads").getBoundingClientRect();
  const above = menu.getBoundingClientRect().top - room.top;
  menu.classList.toggle("up", items.bottom > room.bottom && items.height < above);
}

async function removeThread(item) {
  const id = item.dataset.thread;
  if (!(await sidebar.deleteThread(item))) return;
  if (id === thread) await go("./");
  else await sidebar.refreshThreads(thread);
}

const KEYS = {
  "/": () => $("ask").focus(),
  n: () => newConversation(),
  s: () => { sideDrawer(true); $("search").focus(); },
  d: () => documents.openDocuments(),
  "?": () => $("keys").showModal(),
};

function onKey(event) {
  if (event.key === "Escape") return escape(event);
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (tabs.named()) return; // an area has keys of its own
  const action = KEYS[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}

function escape(event) {
  if (document.querySelector("dialog[open]")) return; // the dialog closes itself
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (chat.busy()) {
    chat.stop();
  } else if (!closeEvidence()) {
    sideDrawer(false);
  }
  event.preventDefault();
}
