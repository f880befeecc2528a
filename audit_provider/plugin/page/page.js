// The page "Audit logs": one overview that renews itself, one pipeline opened below it.

import { ask } from "./api.js";
import { detail } from "./detail.js";
import { at } from "./dom.js";
import { isStale, show } from "./overview.js";
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
    seen.failure = error;
    show(); // what came of a button is shown all the same
    return;
  }
  if (number < shown) return; // a later look was answered first
  shown = number;
  Object.assign(seen, { overview: found, answered: Date.now(), failure: null });
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
function renew() {
  if (document.hidden) return;
  // A look may stay without an answer for long.
  if (seen.overview && (seen.stale || isStale())) show();
  if (!at("dialog").open) look();
}

setInterval(renew, EVERY);
document.addEventListener("visibilitychange", renew);
at("login").addEventListener("click", (event) => {
  // Where the page stands in Airflow's frame, the whole window goes to the login, and comes back from there.
  const outer = window.parent;
  const next = encodeURIComponent(outer.location.href);
  event.preventDefault();
  outer.location.assign(new URL(`../api/v2/auth/login?next=${next}`, document.baseURI).href);
});
open(decodeURIComponent(location.hash.slice(1)), false);
