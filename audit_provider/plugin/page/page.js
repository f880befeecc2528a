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
    seen.detail = seen.open ? await ask(pathOf(seen.open)) : null;
  } catch (error) {
    at("verdict").className = "critical";
    at("verdict").textContent = error.message;
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
