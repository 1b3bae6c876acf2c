// Follows the newest text while the reader is at the bottom, and leaves a reader who scrolled up alone.

import { $ } from "./dom.js";

const NEAR = 48;
let follows = true;

export function watchScroll() {
  const chat = $("chat");
  let last = 0;
  chat.addEventListener("scroll", () => {
    const below = chat.scrollHeight - chat.scrollTop - chat.clientHeight;
    if (below < 4) follows = true;
    else if (chat.scrollTop < last) follows = false; // a finger or a key moved it up: text only ever moves it down
    else if (below < NEAR) follows = true;
    last = chat.scrollTop;
    if (follows) $("newest").hidden = true;
  }, { passive: true });
  chat.addEventListener("wheel", (event) => {
    if (event.deltaY < 0) follows = false;
  }, { passive: true });
}

export function keepUp() {
  const chat = $("chat");
  if (follows) chat.scrollTop = chat.scrollHeight;
  else $("newest").hidden = false;
}

export function toNewest() {
  const chat = $("chat");
  follows = true;
  chat.scrollTop = chat.scrollHeight;
  $("newest").hidden = true;
}
