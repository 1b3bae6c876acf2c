// The panel with the passage a citation points to.

import { $ } from "./dom.js";

let opener = null;

export function openEvidence(link) {
  const answer = link.closest(".answer");
  const template = [...answer.querySelectorAll("template[data-evidence]")].find((one) => one.dataset.evidence === link.dataset.cite);
  if (!template) return false;
  $("evidence-body").replaceChildren(template.content.cloneNode(true));
  const panel = $("evidence");
  panel.hidden = false;
  $("app").classList.add("with-evidence");
  opener = link;
  panel.focus({ preventScroll: true });
  center(panel);
  for (const other of document.querySelectorAll("[data-cite].open")) other.classList.remove("open");
  link.classList.add("open");
  return true;
}

export function closeEvidence() {
  const panel = $("evidence");
  if (panel.hidden) return false;
  panel.hidden = true;
  $("app").classList.remove("with-evidence");
  opener?.classList.remove("open");
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = null;
  return true;
}

function center(panel) {
  const mark = panel.querySelector("mark");
  panel.scrollTop = mark ? Math.max(0, mark.offsetTop - panel.clientHeight / 3) : 0;
}
