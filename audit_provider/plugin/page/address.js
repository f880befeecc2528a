// The address of the view: the opened pipeline, its tab, and the filters of the rows. It is kept behind the "#" of this
// page and of Airflow's page around it, so that either address can be sent to a colleague.

const USUAL = { pipeline: "", tab: "health", date: "", letters: "", reason: "", find: "", state: "", tag: "", sort: "state", down: "", group: "", page: "1" };

export const place = { ...USUAL };

// Airflow's window around the frame; null if there is none, or if it belongs to another site.
export function outer() {
  try {
    return window.parent !== window && window.parent.location.href ? window.parent : null;
  } catch {
    return null;
  }
}

const OF_PIPELINE = ["pipeline", "tab", "date", "letters", "reason"];

function parsed(hash) {
  const text = hash.replace(/^#/, "");
  // An address of an earlier version is only the name of a pipeline.
  if (text && !text.includes("=")) return { ...place, tab: USUAL.tab, pipeline: decodeURIComponent(text) };
  const found = new URLSearchParams(text);
  // The address of a pipeline has no filters of the rows, so these stay as they were.
  const keys = found.has("pipeline") ? OF_PIPELINE : Object.keys(USUAL);
  return { ...place, ...Object.fromEntries(keys.map((key) => [key, found.get(key) ?? USUAL[key]])) };
}

// The address of the view with some changes. Without changes: of the present view. With changes, no dead letters are
// opened unless the changes say so.
export function address(changes = place) {
  const whole = { ...place, letters: "", reason: "", ...changes };
  const found = new URLSearchParams();
  for (const [key, value] of Object.entries(whole))
    if (value !== USUAL[key] && (!whole.pipeline || OF_PIPELINE.includes(key))) found.set(key, value);
  return `#${found}`;
}

function mirror() {
  const around = outer();
  if (around && around.location.hash !== location.hash)
    around.history.replaceState(around.history.state, "", location.hash || around.location.pathname);
}

// Read the address. first: the page has just been loaded, so the address of the page around it counts.
export function readAddress(first = false) {
  const around = outer();
  if (first && around?.location.hash) history.replaceState(null, "", around.location.hash);
  Object.assign(place, parsed(location.hash));
  mirror();
}

// Change the view without adding a step to the browser's history.
export function choose(changes) {
  Object.assign(place, changes);
  history.replaceState(null, "", address());
  mirror();
}

export function question() {
  const asked = new URLSearchParams();
  if (place.pipeline) {
    asked.set("opened", place.pipeline);
    asked.set("size", "0"); // the view of a pipeline shows no rows
    return asked;
  }
  for (const key of ["find", "state", "tag", "sort", "down", "group", "page"])
    if (place[key] !== USUAL[key]) asked.set(key, place[key]);
  return asked;
}
