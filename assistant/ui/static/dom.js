// Small helpers around the page's elements.

export const $ = (id) => document.getElementById(id);

// Put server-made HTML (always escaped there) in place of what an element holds.
export function fill(element, html) {
  element.innerHTML = html;
}

export function fromHtml(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

export function say(text) {
  $("status").textContent = text;
}

// For ears only: the eyes see it on the page already.
export function announce(text) {
  $("announce").textContent = text;
}

export function alertUser(error) {
  const cure = error.cure ? ` ${error.cure}` : "";
  $("alert").textContent = error.message ? `${error.message}${cure}` : "";
}

export function clearAlert() {
  $("alert").textContent = "";
}

// Ask before something is lost. Resolves to true when the person agrees.
export function sure(text, yes) {
  const dialog = $("sure");
  $("sure-text").textContent = text;
  $("sure-yes").textContent = yes;
  dialog.showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    const done = (answer) => {
      dialog.onclose = null;
      dialog.close();
      resolve(answer);
    };
    $("sure-yes").onclick = () => done(true);
    $("sure-no").onclick = () => done(false);
    dialog.onclose = () => resolve(false);
  });
}

export function wait(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// Calls `work` once the calls have paused.
export function paused(work, milliseconds = 200) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}
