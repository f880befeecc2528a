// What is shown has an address: the opened pipeline, its tab, and which rows are asked for. It is kept behind the "#" of
// this page, and of Airflow's page around it, so that either can be sent to a colleague.

const USUAL = { pipeline: "", tab: "health", date: "", letters: "", reason: "", find: "", state: "", tag: "", sort: "state", down: "", group: "", page: "1" };

export const place = { ...USUAL };

// Airflow's window around the frame; null where there is none, or it is another site's.
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
  // An address of an earlier version is the name of a pipeline alone.
  if (text && !text.includes("=")) return { ...place, tab: USUAL.tab, pipeline: decodeURIComponent(text) };
  const found = new URLSearchParams(text);
  // The address of a pipeline leaves open which rows are shown once it is left again.
  const keys = found.has("pipeline") ? OF_PIPELINE : Object.keys(USUAL);
  return { ...place, ...Object.fromEntries(keys.map((key) => [key, found.get(key) ?? USUAL[key]])) };
}

// Without changes, of what is shown. A link to something else opens no letters.
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

// Read the address again. first: the page has just been loaded, and the one around it knows what is wanted.
export function readAddress(first = false) {
  const around = outer();
  if (first && around?.location.hash) history.replaceState(null, "", around.location.hash);
  Object.assign(place, parsed(location.hash));
  mirror();
}

// Change what is shown, without a step that "back" would go through.
export function choose(changes) {
  Object.assign(place, changes);
  history.replaceState(null, "", address());
  mirror();
}

export function question() {
  const asked = new URLSearchParams();
  if (place.pipeline) {
    asked.set("opened", place.pipeline);
    asked.set("size", "0"); // its own view shows no rows
    return asked;
  }
  for (const key of ["find", "state", "tag", "sort", "down", "group", "page"])
    if (place[key] !== USUAL[key]) asked.set(key, place[key]);
  return asked;
}
