// The page "Audit logs": an overview that refreshes itself, and a view of each pipeline with its own address.

import { outer, place, question, readAddress } from "./address.js";
import { ask } from "./api.js";
import { at, follow, tick } from "./dom.js";
import { lookAtCalendar } from "./evidence.js";
import { followLetters } from "./letters.js";
import { fill, want } from "./matrix.js";
import { isStale, show } from "./overview.js";
import { lookAtRuns } from "./runs.js";
import { commands, seen } from "./state.js";
import { followTheme } from "./theme.js";
import { followZone } from "./zone.js";

const EVERY = 15000; // milliseconds between two requests
const TYPING = 150; // milliseconds after the last key until the search starts

let looks = 0;
let shown = 0; // number of the request whose answer is shown

async function look() {
  const number = ++looks;
  const asked = question().toString();
  let found;
  try {
    // One request for both, so that the problems above and the pipeline below never differ.
    found = await ask(asked ? `overview?${asked}` : "overview", undefined, seen.question === asked ? seen.tag : "");
  } catch (error) {
    if (number < shown) return;
    shown = number;
    seen.failure = error;
    show(); // the results of buttons are shown in any case
    return;
  }
  if (number < shown || asked !== question().toString()) return; // a later request was answered, or is under way
  shown = number;
  const renewed = seen.stale || seen.failure !== null;
  Object.assign(seen, { answered: Date.now(), failure: null });
  if (place.tab === "runs") lookAtRuns().then(show);
  if (place.tab === "evidence") lookAtCalendar().then(show);
  if (!found.same) {
    Object.assign(seen, { overview: found.body, detail: found.body.opened ?? null, tag: found.tag, question: asked });
    show();
  } else if (renewed) show();
  else tick();
  followLetters();
}

let opened = "";

async function open() {
  const left = opened;
  const moved = left !== place.pipeline;
  if (moved) Object.assign(seen, { detail: null, category: "", day: -1 });
  opened = place.pipeline;
  if (!place.letters) followLetters();
  document.title = opened ? `${opened} – Audit logs` : "Audit logs";
  fill();
  show();
  await look();
  if (!moved) return;
  if (opened) window.scrollTo(0, 0);
  // The focus moves to what was opened, so that it is read out; on leaving, back to where it was opened.
  const back = opened ? null : at(`open-${left}`);
  (back ?? at(opened ? "detail" : "overview")).focus({ preventScroll: !back });
}

function renew() {
  if (document.hidden) return;
  // A request may take long.
  if (seen.overview && isStale() !== seen.stale) show();
  else tick();
  if (!at("dialog").open && !seen.paused) look();
}

Object.assign(commands, { look, show, renew });
followTheme();
followZone(() => seen.overview && show());
readAddress(true);
window.addEventListener("hashchange", () => {
  readAddress();
  open();
});

let typing = 0;
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("find").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => want({ find: at("find").value.trim() }), TYPING);
});
for (const id of ["tag", "group"]) at(id).addEventListener("change", () => want({ [id]: at(id).value }));
at("pause").addEventListener("click", () => {
  seen.paused = !seen.paused;
  show();
  if (!seen.paused) look();
});
at("login").addEventListener("click", (event) => {
  // If the page is in Airflow's frame, the whole window goes to the login and comes back.
  const login = new URL("../api/v2/auth/login", document.baseURI);
  login.searchParams.set("next", (outer() ?? window).location.href);
  event.currentTarget.href = login.href;
  follow(event, login.href);
});
document.addEventListener("keydown", (event) => {
  // Escape returns to all pipelines, like the link above the pipeline.
  if (event.key === "Escape" && place.pipeline && !at("dialog").open && !event.defaultPrevented) at("back").click();
});
setInterval(renew, EVERY);
document.addEventListener("visibilitychange", renew);
fill();
opened = place.pipeline;
show();
look();
