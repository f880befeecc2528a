// The page "Audit logs": one overview that renews itself, one pipeline opened below it.

import { ask } from "./api.js";
import { detail } from "./detail.js";
import { at } from "./dom.js";
import { show } from "./overview.js";
import { commands, seen } from "./state.js";
import { followTheme } from "./theme.js";

const EVERY = 15000; // milliseconds between two looks

let looks = 0;
let shown = 0; // number of the look whose answer is shown

async function look() {
  const number = ++looks;
  const name = seen.open;
  let found;
  try {
    // One answer for both, so that the problems above never lack what the pipeline below already tells.
    found = await ask(name ? `overview?opened=${encodeURIComponent(name)}` : "overview");
  } catch (error) {
    if (number < shown) return;
    shown = number;
    at("verdict").className = "critical";
    at("verdict").textContent = error.message;
    detail(); // what came of a button is shown all the same
    return;
  }
  if (number < shown) return; // a later look was answered first
  shown = number;
  seen.overview = found;
  // Another pipeline may have been opened meanwhile, or none.
  if (seen.open === name) Object.assign(seen, { open: found.opened ? name : "", detail: found.opened });
  show();
}

async function open(name, go) {
  Object.assign(seen, { open: name, detail: null, category: "", day: -1, told: null });
  history.replaceState(null, "", name ? `#${encodeURIComponent(name)}` : location.pathname);
  if (name || !seen.overview) await look();
  else show();
  if (name && go) {
    at("detail").scrollIntoView({ block: "start" });
    at("detail").focus();
  }
}

Object.assign(commands, { look, show, open, detail });
followTheme();
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("filters").addEventListener("input", () => seen.overview && show());
for (const head of document.querySelectorAll("[data-sort]")) {
  head.addEventListener("click", () => {
    seen.down = seen.sort === head.dataset.sort && !seen.down;
    seen.sort = head.dataset.sort;
    show();
  });
}
setInterval(() => {
  if (!document.hidden && !at("dialog").open) look();
}, EVERY);
open(decodeURIComponent(location.hash.slice(1)), false);
