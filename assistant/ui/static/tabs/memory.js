// The area "Memory": adding, changing and forgetting facts.

import { call } from "../net.js";
import { alertUser, say } from "../dom.js";
import { refresh } from "../tabs.js";

async function change(path, options, words) {
  try {
    await call(path, options);
    await refresh();
    say(words);
  } catch (error) {
    alertUser(error);
  }
}

function address(item) {
  return `ui/tabs/memory/facts/${encodeURIComponent(item.closest("[data-fact]").dataset.fact)}`;
}

export function enter(area) {
  area.onsubmit = (event) => {
    const form = event.target;
    if (!form.matches(".add-fact, .edit-fact")) return;
    event.preventDefault();
    const json = { text: form.elements.text.value };
    const path = form.matches(".add-fact") ? "ui/tabs/memory/facts" : address(form);
    change(path, { method: "POST", json }, "Remembered.");
  };
}

export const actions = {
  forget: (button) => change(address(button), { method: "DELETE" }, "Forgotten."),
};
