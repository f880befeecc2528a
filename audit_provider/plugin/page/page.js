// The page "Audit logs": one overview that renews itself, one pipeline opened below it.

import { ask, pathOf } from "./api.js";
import { detail } from "./detail.js";
import { at } from "./dom.js";
import { show } from "./overview.js";
import { commands, seen } from "./state.js";
import { followTheme } from "./theme.js";

const EVERY = 15000; // milliseconds between two looks

async function look() {
  try {
    seen.overview = await ask("overview");
    if (!seen.overview.pipelines.some((each) => each.name === seen.open)) seen.open = "";
    const name = seen.open;
    const found = name ? await ask(pathOf(name)) : null;
    if (seen.open === name) seen.detail = found; // another may have been opened meanwhile, or none
  } catch (error) {
    at("verdict").className = "critical";
    at("verdict").textContent = error.message;
    detail(); // what came of a button is shown all the same
    return;
  }
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
