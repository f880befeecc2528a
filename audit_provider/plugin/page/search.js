// A search for events in the spool, and what became of each event that is found.

import { place } from "./address.js";
import { ask, pathOf } from "./api.js";
import { at, button, cells, link, listed, make } from "./dom.js";
import { commands, seen } from "./state.js";
import { moment, number, span } from "./words.js";

const FIELDS = [
  ["id", "Id"],
  ["actor", "Who"],
  ["action", "What"],
  ["text", "Text anywhere"],
  ["start", "From"],
  ["end", "To"],
];

export function search(name) {
  const found = seen.stories?.name === name ? seen.stories : null;
  const asked = () => Object.fromEntries(FIELDS.map(([key]) => [key, at(`search-${key}`).value.trim()]));
  const inputs = FIELDS.map(([key, label]) => {
    const isTime = key === "start" || key === "end";
    return make(
      "label",
      { "data-key": `search-${key}` },
      `${label} `,
      make("input", { id: `search-${key}`, type: "text", autocomplete: "off", placeholder: isTime ? "2026-10-01" : null, size: isTime ? 12 : 18, onkeydown: enter }),
    );
  });
  const find = () => look(name, asked());
  return [
    make("h3", { "data-key": "search-head" }, "Find an event"),
    make("div", { class: "row fields", role: "search", "aria-label": "Events in the spool", "data-key": "search" }, ...inputs, button("search", "Find", find)),
    make("div", { id: "stories", role: "status", "data-key": "stories" }, ...results(found)),
  ];
}

function enter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  at("search").click();
}

async function look(name, asked) {
  if (seen.stories?.waits) return;
  seen.stories = { name, waits: true };
  commands.show();
  try {
    seen.stories = { name, ...(await ask(pathOf(name, "search"), asked)) };
  } catch (error) {
    seen.stories = { name, failure: error.message };
  }
  if (place.pipeline === name) commands.show();
}

function results(found) {
  if (!found) return [];
  if (found.waits) return ["Reading the spool …"];
  if (found.failure) return [make("p", { class: "error" }, found.failure)];
  if (!found.stories.length) return [make("p", {}, "No kept segment of the spool holds such an event.")];
  const more = found.more ? make("p", { class: "faint" }, "There are more: name a shorter time.") : "";
  return [...found.stories.map(story), more];
}

function story(each) {
  const { fields } = each;
  const who = fields.actor_email ?? fields.actor_name ?? fields.actor_id ?? "";
  const late = (Date.parse(each.spooled) - Date.parse(each.happened)) / 1000;
  const facts = [
    ["Happened", `${moment(each.happened)}${fields.action ? `, ${fields.action}` : ""}${who ? ` by ${who}` : ""}`],
    ["Spooled", `${moment(each.spooled)}${late >= 0 ? `, ${span(late)} later` : ""}`],
    ["Segment", `${number(each.segment)} of ${each.stream}/${each.chain}, event ${number(each.index + 1)} of ${number(each.events)}`],
    ["Place in the chain", `${number(each.place + 1)}, ${each.proven ? "by Airflow's record" : "which no record of Airflow proves"}`],
    ["Digest", make("code", {}, `sha256:${each.sha256}`)],
    [
      "Checkpoint",
      each.covered
        ? `of ${moment(each.covered.time)} with ${number(each.covered.size)} events, ${each.covered.signed ? "signed" : "not signed"}`
        : "none yet",
    ],
  ];
  const rows = each.destinations.map((fate) =>
    cells(
      make("th", { scope: "row" }, fate.destination),
      fate.state,
      [when(fate), fate.reason, fate.there].filter(Boolean).join("; "),
      fate.link ? link(fate.link, "See it there", `See ${each.id} at ${fate.destination}`) : "",
    ),
  );
  return make(
    "article",
    { class: "story", "data-key": `story-${each.stream}-${each.place}` },
    make("h4", {}, make("code", {}, each.id)),
    make("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    listed(["Destination", "State", "When and where", ""], rows, "It goes to no destination.", `What became of ${each.id}`),
    make("details", {}, make("summary", {}, "The vendor's record"), make("pre", {}, each.record)),
  );
}

function when(fate) {
  if (fate.after && fate.until && fate.after !== fate.until) return `between ${moment(fate.after)} and ${moment(fate.until)}`;
  if (fate.until) return `at ${moment(fate.until)}`;
  return fate.after ? `since ${moment(fate.after)}` : "";
}
