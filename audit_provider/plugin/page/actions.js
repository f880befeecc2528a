// The buttons, and what they ask back.

import { ask, pathOf } from "./api.js";
import { at, button, make } from "./dom.js";
import { commands, seen } from "./state.js";
import { moment } from "./words.js";

export async function act(path, body = {}) {
  const name = seen.open;
  Object.assign(seen, { acting: true, told: { ok: true, message: "Waiting for an answer …" } });
  commands.detail();
  const told = await ask(path, body).catch((error) => ({ ok: false, message: error.message }));
  seen.acting = false;
  if (seen.open === name) seen.told = told;
  await commands.look();
}

export function askNote(pipeline, gap) {
  const note = make("textarea", { id: "note", maxlength: 500 });
  const send = () => {
    at("dialog").close();
    act(pathOf(pipeline, "gaps", gap.id, "acknowledge"), { note: note.value });
  };
  popUp(
    "Acknowledge gap",
    make("p", {}, `${moment(gap.wanted)} to ${moment(gap.possible)}: ${gap.reason}`),
    make("label", {}, "What was found out or done", note),
    button("send", "Acknowledge gap", send),
  );
}

export async function showLetters(pipeline, destination, events = false) {
  const path = `${pathOf(pipeline, "destinations", destination.name, "dead-letters")}?events=${events}`;
  let found;
  try {
    found = await ask(path);
  } catch (error) {
    popUp("Dead letters", make("p", { class: "error" }, error.message));
    return;
  }
  const letters = found.letters.map((each) =>
    make(
      "article",
      {},
      make("code", {}, each.id),
      ` of ${moment(each.time)}, set aside ${moment(each.set_aside_at)} in ${each.stream}`,
      make("div", { class: "error" }, each.reason),
      each.answer ? make("pre", {}, each.answer) : "",
      each.event ? make("pre", {}, each.event) : "",
    ),
  );
  const more =
    destination.may.includes("read_events") && !events
      ? button("events", "Show the events", () => showLetters(pipeline, destination, true))
      : "";
  popUp(
    `Dead letters of ${destination.name}`,
    more,
    ...letters,
    found.more ? make("p", {}, "There are more.") : "",
    letters.length ? "" : "None is open.",
  );
}

function popUp(title, ...content) {
  const box = at("dialog");
  box.setAttribute("aria-label", title);
  box.replaceChildren(
    make(
      "div",
      { class: "row" },
      make("h2", {}, title),
      button(null, "Close", () => box.close()),
    ),
    ...content.filter(Boolean),
  );
  if (!box.open) box.showModal();
}
