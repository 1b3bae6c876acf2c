// The conversations: kept by the server, listed, searched, renamed, deleted here.

import { call, data } from "./net.js";
import { $, alertUser, fill, paused, sure } from "./dom.js";

let current = "";

export function watchSidebar() {
  $("search").addEventListener("input", paused(() => refreshThreads(current)));
}

export async function refreshThreads(thread) {
  current = thread;
  const query = new URLSearchParams({ search: $("search").value, thread });
  try {
    const { html } = await data(`ui/threads?${query}`);
    fill($("threads"), html);
  } catch (error) {
    alertUser(error);
  }
}

export function rename(item, thread) {
  const link = item.querySelector("a");
  const input = document.createElement("input");
  input.value = link.textContent;
  input.setAttribute("aria-label", "New name of the conversation");
  input.maxLength = 200;
  input.dir = "auto";
  item.querySelector("details").open = false;
  link.replaceWith(input);
  input.select();
  let over = false;
  const finish = async (keep) => {
    if (over) return;
    over = true;
    const title = input.value.trim();
    if (keep && title && title !== link.textContent) await save(item.dataset.thread, title);
    await refreshThreads(thread);
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") finish(true);
    if (event.key === "Escape") {
      event.stopPropagation();
      finish(false);
    }
  });
  input.addEventListener("blur", () => finish(true));
}

async function save(thread, title) {
  try {
    await call(`ui/threads/${encodeURIComponent(thread)}`, { method: "POST", json: { title } });
  } catch (error) {
    alertUser(error);
  }
}

// Resolves to true when the conversation is gone.
export async function deleteThread(item) {
  const title = item.querySelector("a").textContent;
  item.querySelector("details").open = false;
  if (!(await sure(`Delete “${title}” with all its questions and answers? This cannot be undone.`, "Delete it"))) return false;
  try {
    await call(`ui/threads/${encodeURIComponent(item.dataset.thread)}`, { method: "DELETE" });
    return true;
  } catch (error) {
    alertUser(error);
    return false;
  }
}
