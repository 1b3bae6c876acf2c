// Asking, watching an answer being written, stopping, and the tools under an answer.

import { call, data, lines } from "./net.js";
import { $, alertUser, announce, clearAlert, fill, fromHtml, say, sure } from "./dom.js";
import { keepUp, toNewest } from "./scroll.js";

const state = { thread: "", run: "", stopping: false, began: () => {}, ended: () => {} };

// `began` hears of a new conversation, `ended` of every answer or failure.
export function watchChat(began, ended) {
  state.began = began;
  state.ended = ended;
}

export function busy() {
  return state.run !== "";
}

export function showThread(thread) {
  state.thread = thread;
  state.run = ""; // what still runs elsewhere goes on there
  setBusy(false);
}

export async function ask({ question, replace = "", path = $("path").value, from = null }) {
  if (!question.trim()) return false;
  if (busy()) {
    alertUser({ message: "An answer is still being written.", cure: "Stop it first, or wait for it." });
    return false;
  }
  if (from && !(await mayReplace(from))) return false;
  clearAlert();
  const wish = { question, replace, path, thread_id: state.thread, collection: $("collection").value, model: $("model").value, effort: $("effort").value };
  state.run = "starting";
  setBusy(true);
  try {
    const started = await data("ui/runs", { method: "POST", json: wish });
    const article = place(started.question, from);
    article.wish = wish;
    if (started.thread !== state.thread) state.began(started.thread);
    state.thread = started.thread;
    await follow(started.run, article);
  } catch (error) {
    state.run = "";
    setBusy(false);
    say("");
    alertUser(error);
    return false;
  }
  return true;
}

// Watch a run that is already under way, after a reload for one.
export async function resume(run) {
  const article = $("chat").querySelector("article.running");
  if (!article) return;
  state.run = run;
  setBusy(true);
  article.append(draft());
  try {
    await follow(run, article);
  } catch (error) {
    showThread(state.thread);
    alertUser(error);
  }
}

// Say yes or no to what a tool is about to do; the turn goes on where it waited.
export async function consent(button) {
  if (busy()) return;
  const article = button.closest("article");
  const waiting = article.querySelector(".consent");
  const calls = [...waiting.querySelectorAll("[data-call]")].map((one) => one.dataset.call);
  const approved = button.dataset.agree === "yes" ? calls : [];
  state.run = "starting";
  setBusy(true);
  try {
    const started = await data(`ui/threads/${encodeURIComponent(state.thread)}/consent`, { method: "POST", json: { approved } });
    waiting.replaceWith(draft());
    await follow(started.run, article);
  } catch (error) {
    state.run = "";
    setBusy(false);
    alertUser(error);
  }
}

export function stop() {
  if (!busy() || state.run === "starting" || state.stopping) return;
  state.stopping = true;
  $("stop").disabled = true;
  $("chat").querySelector(".draft")?.classList.add("halted");
  say("stopping");
  call(`ui/runs/${state.run}/stop`, { method: "POST" }).catch(alertUser);
}

function place(questionHtml, from) {
  const chat = $("chat");
  chat.querySelector(".empty")?.remove();
  while (from?.nextElementSibling) from.nextElementSibling.remove();
  from?.remove();
  const article = fromHtml(`<article class="turn running">${questionHtml}</article>`);
  article.append(draft());
  chat.append(article);
  toNewest();
  return article;
}

function draft() {
  return fromHtml('<div class="answer draft" aria-busy="true"><div class="text"></div></div>');
}

async function follow(run, article) {
  state.run = run;
  const mine = () => state.run === run;
  for await (const line of lines(`ui/runs/${run}`)) {
    if (!mine()) return;
    if (line.type === "status" && !state.stopping) say(line.text);
    if (line.type === "draft" && !state.stopping) {
      fill(article.querySelector(".draft .text"), line.html);
      keepUp();
    }
    if (line.type === "final" || line.type === "failed") finish(line, article);
  }
  if (mine() && busy()) throw Object.assign(new Error("The answer broke off."), { cure: "Reload the page: what was finished is kept." });
}

function finish(line, article) {
  article.querySelector(".draft").replaceWith(fromHtml(line.html));
  article.classList.remove("running");
  article.dataset.question = line.question_id ?? "";
  state.run = "";
  setBusy(false);
  clearAlert();
  say("");
  announce(line.say ?? "");
  keepUp();
  const restored = line.type === "failed" && article.wish?.replace; // the server brought back what was to be replaced
  state.ended(restored ? article : null);
}

function setBusy(on) {
  state.stopping = false;
  $("stop").disabled = false;
  $("stop").hidden = !on;
  $("send").hidden = on;
  $("app").classList.toggle("busy", on);
}

async function mayReplace(article) {
  let later = 0;
  for (let next = article.nextElementSibling; next; next = next.nextElementSibling) later += 1;
  if (!later) return true;
  const what = later === 1 ? "The question after it, with its answer, goes away." : `The ${later} questions after it, with their answers, go away.`;
  return sure(`This begins again from here. ${what}`, "Begin again from here");
}

export function again(article, path) {
  const question = article.querySelector(".asked").textContent;
  const wish = article.wish ?? {};
  const replace = article.dataset.question || wish.replace || "";
  const from = $("chat").querySelector(`article[data-question="${CSS.escape(replace)}"]`) ?? article;
  return ask({ question, replace, path: path ?? wish.path ?? $("path").value, from });
}

export function edit(article) {
  const block = article.querySelector(".question");
  if (block.querySelector("form")) return;
  const asked = block.querySelector(".asked");
  const form = fromHtml('<form class="edit"><textarea rows="3" dir="auto" aria-label="Your question, changed"></textarea><p class="tools"><button class="button" type="submit">Ask this instead</button> <button class="quiet" type="button">Cancel</button></p></form>');
  const box = form.querySelector("textarea");
  box.value = asked.textContent;
  block.classList.add("editing");
  block.append(form);
  box.focus();
  const close = () => {
    form.remove();
    block.classList.remove("editing");
  };
  form.querySelector("button[type=button]").onclick = close;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const question = box.value;
    if (await ask({ question, replace: article.dataset.question ?? "", from: article })) close();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

export async function vote(button) {
  const answer = button.closest(".answer");
  if (!(await sendVote(answer, button.dataset.vote, ""))) return;
  for (const thumb of answer.querySelectorAll(".thumb")) thumb.setAttribute("aria-pressed", String(thumb === button));
  const form = answer.querySelector("form.comment");
  form.hidden = false;
  form.querySelector("textarea").focus();
  say("Thank you. Kept with the answer.");
}

export async function comment(form) {
  const answer = form.closest(".answer");
  const chosen = answer.querySelector('.thumb[aria-pressed="true"]').dataset.vote;
  const words = form.querySelector("textarea").value;
  if (!(await sendVote(answer, chosen, words))) return;
  form.hidden = true;
  say("Thank you. Your comment is kept with the answer.");
}

async function sendVote(answer, way, words) {
  const opinion = { thread_id: state.thread, vote: way, comment: words };
  try {
    await call(`ui/answers/${encodeURIComponent(answer.dataset.answer)}/vote`, { method: "POST", json: opinion });
    return true;
  } catch (error) {
    alertUser(error);
    return false;
  }
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no right to the clipboard, or a page that is not served securely
    const box = fromHtml('<textarea class="sr"></textarea>');
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}
