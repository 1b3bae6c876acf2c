// Who is signed in, and what the page therefore offers. The server refuses the rest by itself; this only spares the sight.

import { call, data } from "./net.js";
import { $ } from "./dom.js";

export async function showMe() {
  let me;
  try {
    me = await data("ui/me");
  } catch {
    return; // the page says so by itself as soon as something is asked
  }
  for (const link of document.querySelectorAll(".tabs a")) link.hidden = Boolean(link.dataset.tab) && !me.tabs.includes(link.dataset.tab);
  for (const part of document.querySelectorAll("[data-needs]")) part.hidden = !me.may.includes(part.dataset.needs);
  $("who").hidden = !me.name;
  $("who-name").textContent = me.name;
  $("who-name").title = me.role;
}

export async function signOut() {
  await call("logout", { method: "POST" });
  location.assign(new URL("login", document.baseURI));
}
