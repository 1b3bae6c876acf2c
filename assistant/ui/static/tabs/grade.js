// Grading by keys. What is typed but not kept yet lies in this browser, so that a closed tab loses nothing.

import { data } from "../net.js";
import { $, alertUser, clearAlert, say } from "../dom.js";
import { refresh } from "../tabs.js";

let began = 0;
let busy = false;

export function enter(area) {
  began = Date.now();
  area.addEventListener("submit", onSubmit);
  area.addEventListener("input", onInput);
  area.addEventListener("pointerover", onHover);
  area.addEventListener("focusin", onHover);
  document.addEventListener("keydown", onKey);
  restore();
  mark();
}

export function leave() {
  const area = $("area");
  area.removeEventListener("submit", onSubmit);
  area.removeEventListener("input", onInput);
  area.removeEventListener("pointerover", onHover);
  area.removeEventListener("focusin", onHover);
  document.removeEventListener("keydown", onKey);
}

export const actions = {
  cannot: () => keep("unknown"),
  skip: () => keep("skipped"),
  undo: () => change("ui/tabs/grade/undo", {}, "taken back"),
  gold: () => among("ui/tabs/grade/gold", {}, "it is gold now"),
  weigh: ({ dataset }) => weigh(dataset.grader, Number(dataset.weight)),
  choose: (button) => choose(button.dataset.choice),
};

function form() {
  return $("grade");
}

function draftKey() {
  return `grade ${form().dataset.answer}`;
}

function typed() {
  const { better, comment } = form().elements;
  const checked = [...form().querySelectorAll(".criteria input:checked")];
  const right = [...form().querySelectorAll("[name=right]:checked")].map((box) => box.value);
  const scores = Object.fromEntries(checked.map((input) => [input.name, Number(input.value)]));
  return { scores, better_answer: better.value, comment: comment.value, right_sources: right };
}

function onInput() {
  if (!form()) return;
  localStorage.setItem(draftKey(), JSON.stringify(typed()));
  mark();
}

function restore() {
  const kept = form() && JSON.parse(localStorage.getItem(draftKey()) ?? "null");
  if (!kept) return;
  for (const [name, value] of Object.entries(kept.scores)) {
    const input = form().querySelector(`input[name="${CSS.escape(name)}"][value="${value}"]`);
    if (input) input.checked = true;
  }
  for (const box of form().querySelectorAll("[name=right]")) box.checked = kept.right_sources?.includes(box.value) ?? false;
  form().elements.better.value = kept.better_answer;
  form().elements.comment.value = kept.comment;
}

// The first criterion without a number takes the next key.
function mark() {
  if (!form()) return;
  const sets = [...form().querySelectorAll(".criteria fieldset")];
  const now = sets.find((set) => !set.querySelector("input:checked"));
  for (const set of sets) set.classList.toggle("now", set === now);
}

function onHover(event) {
  const label = event.target.closest?.(".criteria label");
  if (label) $("anchor").textContent = label.querySelector("input").dataset.anchor;
}

function onSubmit(event) {
  if (event.target !== form()) return;
  event.preventDefault();
  keep("graded");
}

async function keep(outcome) {
  if (!form()) return;
  const key = draftKey();
  const seconds = (Date.now() - began) / 1000;
  const body = { answer_id: form().dataset.answer, outcome, ...typed(), seconds };
  if (await change("ui/tabs/grade/grade", body, "kept")) localStorage.removeItem(key);
}

function weigh(grader, weight) {
  const reason = weight ? "" : prompt(`Why should the grades of ${grader} not count? Everybody sees the reason.`)?.trim();
  if (weight || reason) among("ui/tabs/grade/weigh", { grader, weight, reason }, "noted");
}

// A change among the graders: their table stays open.
async function among(path, json, done) {
  if (await change(path, json, done)) document.querySelector(".people").open = true;
}

function choose(choice) {
  const { first, second } = $("pair").dataset;
  return change("ui/tabs/grade/compare", { first, second, choice }, "kept");
}

async function change(path, json, done) {
  if (busy) return false;
  busy = true;
  clearAlert();
  try {
    await data(path, { method: "POST", json });
    await refresh();
    $("area").focus({ preventScroll: true });
    $("area").scrollTop = 0;
    say(done);
    return true;
  } catch (error) {
    show(error);
    return false;
  } finally {
    busy = false;
  }
}

function show(error) {
  const anchor = $("anchor");
  if (anchor) anchor.textContent = `${error.message} ${error.cure}`;
  else alertUser(error);
}

const LETTERS = {
  b: () => form()?.elements.better.focus(),
  c: () => form()?.elements.comment.focus(),
  p: () => form()?.querySelector("[name=right]")?.focus(),
  k: () => keep("unknown"),
  s: () => keep("skipped"),
  u: () => actions.undo(),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = /^[0-9]$/.test(event.key) ? () => number(event.key) : LETTERS[event.key];
  if (action) {
    event.preventDefault();
    action();
  } else if (event.key === "Enter" && form() && !event.target.closest("button, a, summary")) {
    event.preventDefault();
    form().requestSubmit();
  }
}

function number(key) {
  if ($("pair")) {
    const choice = ["first", "second", "tie", "both_bad"][Number(key) - 1];
    if (choice) choose(choice);
    return;
  }
  const set = form()?.querySelector("fieldset.now");
  const input = set?.querySelector(`input[value="${key}"]`);
  if (!input) return;
  input.checked = true;
  $("anchor").textContent = input.dataset.anchor;
  onInput();
}
