// Buttons with an action. The result is shown beside the button with its time, and the last ten results are kept.

import { ask } from "./api.js";
import { button, link, make, time } from "./dom.js";
import { commands, seen } from "./state.js";

const MOST_RESULTS = 10;

// Results are kept by the path of the action.
export async function act(path, body = {}) {
  if (seen.waiting.has(path)) return;
  seen.waiting.add(path);
  commands.show();
  const answer = await ask(path, body).catch((error) => ({ ok: false, message: error.message }));
  seen.waiting.delete(path);
  const results = [{ ...answer, at: new Date().toISOString() }, ...(seen.results.get(path) ?? [])];
  seen.results.set(path, results.slice(0, MOST_RESULTS));
  commands.show();
  await commands.look();
}

const said = (each) => [each.message, " ", each.link ? link(each.link, "See the run") : "", " ", time(each.at, "ago")];

// name: for screen readers; it begins with the label. path: of the API. asks: asks for confirmation first, or null.
export function press({ id, label, name, path, asks = null }) {
  const pressed = button(id, label, () => (asks ? asks() : act(path)), name);
  pressed.disabled = seen.waiting.has(path);
  return make("span", { class: "press", "data-key": `press-${id}` }, pressed, outcome(path, id));
}

// The result of a button; a screen reader speaks it when it changes.
export function outcome(key, id) {
  const [last, ...earlier] = seen.results.get(key) ?? [];
  const state = seen.waiting.has(key) ? "" : last ? (last.ok ? "good" : "bad") : "";
  return make(
    "span",
    { class: `outcome ${state}`, role: "status", id: `outcome-${id}` },
    ...(seen.waiting.has(key) ? ["Waiting for an answer …"] : last ? said(last) : []),
    earlier.length && !seen.waiting.has(key)
      ? make(
          "details",
          {},
          make("summary", {}, `${earlier.length} earlier`),
          make("ul", {}, ...earlier.map((each) => make("li", { class: each.ok ? "good" : "bad" }, ...said(each)))),
        )
      : "",
  );
}

// Copies a text to the clipboard. Browsers allow this only to some pages; on others, the text is selected.
export function copier({ id, label, name, text, shownBy }) {
  const copy = async () => {
    let message = "Copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(shownBy());
      message = "Selected: copy it with the keyboard";
    }
    seen.results.set(id, [{ ok: true, message, at: new Date().toISOString() }]);
    commands.show();
  };
  return make("span", { class: "press", "data-key": `press-${id}` }, button(id, label, copy, name), outcome(id, id));
}
