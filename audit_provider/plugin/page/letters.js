// Dead letters, and the questions before they are resent. The address says of which destination and reason.

import { choose, place } from "./address.js";
import { ask, pathOf } from "./api.js";
import { at, button, make } from "./dom.js";
import { act } from "./press.js";
import { seen } from "./state.js";
import { moment, number } from "./words.js";

const LETTERS = 50; // dead letters per page, as in the API

const lettersOf = async (pipeline, destination, asked) =>
  (await ask(`${pathOf(pipeline, "destinations", destination.name, "dead-letters")}?${new URLSearchParams(asked)}`)).body;

const reasons = (found) =>
  make(
    "ul",
    {},
    ...found.reasons.map((each) => make("li", {}, `${number(each.count)}: `, make("span", { class: "error" }, each.reason || "other reasons"))),
  );

// The reasons to choose from. Rare reasons are counted together and cannot be chosen.
function choice(found, chosen, pick) {
  const named = found.reasons.filter((each) => each.reason);
  if (chosen && !named.some((each) => each.reason === chosen)) named.push({ reason: chosen, count: found.matched });
  if (named.length < 2 && !chosen) return "";
  const rest = found.reasons.find((each) => !each.reason);
  const chips = [{ reason: "", count: found.total }, ...named].map(({ reason, count }, place) => {
    const chip = button(`reason-${place}`, `${reason || "all reasons"}: ${number(count)}`, () => pick(reason));
    chip.className = "chip";
    chip.setAttribute("aria-pressed", String(reason === chosen));
    return chip;
  });
  return make("div", { class: "row", role: "group", "aria-label": "Reason" }, ...chips, rest ? `other reasons: ${number(rest.count)}` : "");
}

let wanted = ""; // the destination and reason whose dead letters are shown or requested
const wantedNow = (pipeline, { letters, reason }) => (letters ? JSON.stringify([pipeline, letters, reason]) : "");

// Show the dead letters that the address names, or none if it names none.
export function followLetters() {
  const wants = wantedNow(place.pipeline, place);
  if (wants === wanted) return;
  if (!wants) at("dialog").close();
  const pipeline = seen.detail?.pipeline;
  const destination = pipeline?.name === place.pipeline && pipeline.destinations.find((each) => each.name === place.letters);
  if (wants && destination) showLetters(pipeline.name, destination, { reason: place.reason });
}

at("dialog").addEventListener("close", () => {
  if (wanted) choose({ letters: "", reason: "" });
  wanted = "";
});

export async function showLetters(pipeline, destination, { events = false, first = 0, reason = "" } = {}) {
  const title = `Dead letters of ${destination.name}`;
  choose({ letters: destination.name, reason });
  const own = (wanted = wantedNow(pipeline, place));
  const again = (changes) => showLetters(pipeline, destination, { events, first, reason, ...changes });
  let found;
  try {
    found = await lettersOf(pipeline, destination, { events, first, reason });
  } catch (error) {
    if (own === wanted) popUp(title, make("p", { class: "error" }, error.message));
    return;
  }
  if (own !== wanted) return; // other dead letters were requested meanwhile
  const discards = destination.may.includes("redrive");
  const letters = found.letters.map((each) =>
    make(
      "article",
      {},
      discards ? make("input", { type: "checkbox", class: "chosen", value: each.id, "aria-label": `Choose ${each.id}` }) : "",
      make("code", {}, each.id),
      ` of ${moment(each.time)}, set aside ${moment(each.set_aside_at)} in ${each.stream}`,
      make("div", { class: "error" }, each.reason),
      each.answer ? make("pre", {}, each.answer) : "",
      each.event ? make("pre", {}, each.event) : "",
    ),
  );
  const turn = (id, label, to) => button(id, label, () => again({ first: to }));
  const last = found.first + letters.length;
  const size = Math.max(letters.length, LETTERS);
  popUp(
    title,
    destination.may.includes("read_events") && !events
      ? button("events", "Show the events", () => again({ events: true }))
      : "",
    choice(found, reason, (chosen) => again({ reason: chosen, first: 0 })),
    make("p", { role: "status" }, letters.length ? `${number(found.first + 1)} to ${number(last)} of ${number(found.matched)}` : reason ? "None of this reason is open." : "None is open."),
    ...letters,
    make(
      "div",
      { class: "row" },
      found.first > 0 ? turn("earlier-letters", "Previous letters", Math.max(found.first - size, 0)) : "",
      found.more ? turn("later-letters", "Next letters", last) : "",
    ),
    discards && letters.length ? discarding(pipeline, destination) : "",
  );
}

export const discardedAt = (pipeline, destination) => pathOf(pipeline, "destinations", destination, "discard");

// Discards the dead letters chosen above, for a reason that is kept as evidence.
function discarding(pipeline, destination) {
  const said = make("p", { class: "error", role: "alert" });
  const reason = make("input", { id: "discard-reason", maxlength: 500, autocomplete: "off" });
  const send = () => {
    const events = [...at("dialog").querySelectorAll(".chosen:checked")].map((each) => each.value);
    if (!events.length) said.textContent = "Choose the letters to discard.";
    else if (!reason.value.trim()) said.textContent = "Say why they are discarded.";
    else {
      at("dialog").close();
      act(discardedAt(pipeline, destination.name), { events, reason: reason.value.trim() });
    }
  };
  return make(
    "fieldset",
    {},
    make("legend", {}, "Discard the chosen letters"),
    make("p", { class: "faint" }, "They are not sent again. They stay in the spool, with your name, the time and the reason, and no button takes that back."),
    button("choose-all", "Choose all letters of this page", () => {
      for (const each of at("dialog").querySelectorAll(".chosen")) each.checked = true;
    }),
    make("div", { class: "row" }, make("label", { for: "discard-reason" }, "Reason"), reason, button("discard", "Discard", send)),
    said,
  );
}

export async function askRedrive(pipeline, destination) {
  const title = `Resend dead letters of ${destination.name}`;
  let found;
  try {
    found = await lettersOf(pipeline, destination, {});
  } catch (error) {
    popUp(title, make("p", { class: "error" }, error.message));
    return;
  }
  const letters = found.total === 1 ? "1 dead letter" : `${number(found.total)} dead letters`;
  const send = () => {
    at("dialog").close();
    act(pathOf(pipeline, "destinations", destination.name, "redrive"));
  };
  popUp(
    title,
    make("p", {}, `A run of the incremental DAG sends ${letters} again. They were set aside because of:`),
    reasons(found),
    make("p", { class: "faint" }, "What is refused again stays a dead letter."),
    button("send", `Resend ${letters}`, send),
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
