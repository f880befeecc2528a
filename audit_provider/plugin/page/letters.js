// Dead letters, and what resending them asks back.

import { ask, pathOf } from "./api.js";
import { at, button, make } from "./dom.js";
import { act } from "./press.js";
import { moment } from "./words.js";

export async function showLetters(pipeline, destination, events = false) {
  const path = `${pathOf(pipeline, "destinations", destination.name, "dead-letters")}?events=${events}`;
  let found;
  try {
    found = (await ask(path)).body;
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

export function askRedrive(pipeline, destination) {
  const send = () => {
    at("dialog").close();
    act(pathOf(pipeline, "destinations", destination.name, "redrive"));
  };
  popUp(
    `Resend dead letters of ${destination.name}`,
    make("p", {}, "A run of the incremental DAG sends them again."),
    button("send", "Resend", send),
  );
}

export function popUp(title, ...content) {
  const box = at("dialog");
  box.setAttribute("aria-label", title);
  box.replaceChildren(
    make(
      "div",
      { class: "row" },
      make("h2", {}, title),
      button("close", "Close", () => box.close()),
    ),
    ...content.filter(Boolean),
  );
  if (!box.open) box.showModal();
}
