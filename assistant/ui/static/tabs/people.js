// The area "People": inviting, roles, shutting out, tokens.

import { data } from "../net.js";
import { alertUser, clearAlert, say, sure } from "../dom.js";
import { refresh } from "../tabs.js";

const API = "api/v1";

async function change(path, options, words) {
  clearAlert();
  try {
    const told = await data(`${API}/${path}`, options);
    await refresh();
    say(words);
    return told;
  } catch (error) {
    await refresh().catch(() => {});
    alertUser(error);
    return null;
  }
}

// Shown this once: an invitation's address, a token.
function reveal(words, secret) {
  const box = document.getElementById("people-secret");
  box.hidden = false;
  box.querySelector("p").textContent = words;
  const field = box.querySelector("input");
  field.value = secret;
  field.focus();
  field.select();
}

function invitation(told) {
  if (told) reveal(`Give ${told.account.name} this address. It opens once, within a week, and is not shown again.`, new URL(`.${told.invitation}`, document.baseURI).href);
}

async function made(form) {
  const scopes = [...form.querySelectorAll('[name="scope"]:checked')].map((box) => box.value);
  const json = { name: form.elements.name.value, scopes, days: Number(form.elements.days.value) };
  const told = await change("tokens", { method: "POST", json }, "Made.");
  if (told) reveal("Send this as a bearer token. It is not shown again.", told.secret);
}

const person = (element) => encodeURIComponent(element.closest("[data-person]").dataset.person);

export function enter(area) {
  area.onsubmit = (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.id === "token") return made(form);
    const json = { name: form.elements.name.value, role: form.elements.role.value };
    return change("people", { method: "POST", json }, "Invited.").then(invitation);
  };
  area.onchange = (event) => {
    if (event.target.matches("select[data-role]")) {
      change(`people/${person(event.target)}`, { method: "PATCH", json: { role: event.target.value } }, "Changed.");
    }
  };
}

export function leave() {
  document.getElementById("area").onchange = null;
}

export const actions = {
  "people-disable": (button) => change(`people/${person(button)}`, { method: "PATCH", json: { disabled: button.dataset.on === "1" } }, "Changed."),
  "people-invite": (button) => change(`people/${person(button)}/invitation`, { method: "POST" }, "Invited again.").then(invitation),
  "people-forget": async (button) => {
    const words = "Delete this person with all conversations, votes and remembered facts? Grades are kept without the name.";
    if (await sure(words, "Delete")) await change(`people/${person(button)}`, { method: "DELETE" }, "Deleted.");
  },
  "token-revoke": (button) => change(`tokens/${encodeURIComponent(button.dataset.token)}`, { method: "DELETE" }, "Revoked."),
};
