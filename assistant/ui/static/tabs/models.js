// Models: makes a version live, brings the one before back.

import { data } from "../net.js";
import { alertUser, clearAlert, say, sure } from "../dom.js";
import { refresh } from "../tabs.js";

export const actions = {
  promote: (button) => change("promote", button, {}, "is live now"),
  rollback: async (button) => {
    if (await sure(`Bring back the version of ${button.dataset.name} that was live before?`, "Roll back")) {
      await change("rollback", button, {}, "is live again");
    }
  },
  override: async (button) => {
    const reason = prompt("Why may it go live without a passing gate? The reason stays on record.");
    if (reason?.trim()) await change("promote", button, { override: reason.trim() }, "is live now");
  },
};

async function change(what, { dataset }, more, words) {
  clearAlert();
  try {
    const json = { name: dataset.name, version: dataset.version ?? "", ...more };
    const { version } = await data(`ui/tabs/models/${what}`, { method: "POST", json });
    await refresh();
    say(`${dataset.name} ${version} ${words}.`);
  } catch (error) {
    alertUser(error);
  }
}
