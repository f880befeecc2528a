// Evidence: the state of each day of a year, the chosen day, a search, and the pack.

import { address, choose, place } from "./address.js";
import { ask, pathOf } from "./api.js";
import { cells, count, listed, make, time } from "./dom.js";
import { pack } from "./pack.js";
import { search } from "./search.js";
import { commands, seen } from "./state.js";
import { moment, number, span } from "./words.js";

const DAY = 86400000; // milliseconds
const HOLDS = 300000; // milliseconds after which the calendar is fetched again; a verification is made once a day
const STATES = {
  proven: ["■", "proven"],
  read: ["◐", "read only"],
  gap: ["✖", "gap"],
  unknown: ["·", "unknown"],
};
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MOVES = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 };

const dayOf = (at) => new Date(at).toISOString().slice(0, 10);
const weekday = (at) => (new Date(at).getUTCDay() + 6) % 7;

// Fetch the calendar if it is shown.
export async function lookAtCalendar() {
  const name = place.pipeline;
  if (!name || place.tab !== "evidence") return;
  const known = seen.calendar;
  if (known?.name === name && !known.failure && Date.now() - known.asked < HOLDS) return;
  try {
    const { body } = await ask(pathOf(name, "calendar"));
    seen.calendar = { name, ...body, failure: "", asked: Date.now() };
  } catch (error) {
    seen.calendar = { name, failure: error.message };
  }
}

export function evidence(pipeline) {
  const known = seen.calendar;
  if (known?.name !== pipeline.name) return [make("p", { class: "faint" }, "Loading …")];
  if (known.failure) return [make("p", { class: "error" }, known.failure)];
  const days = new Map(known.days.map((each) => [each.day, each.known]));
  return [
    make("h3", { "data-key": "calendar-head" }, "What is proven of each day (UTC)"),
    checked(known),
    calendar(known, days),
    legend(known),
    ...chosen(days),
    ...(known.may.includes("search") ? search(pipeline.name) : []),
    ...(known.may.includes("pack") ? pack(pipeline.name) : []),
  ];
}

function checked(known) {
  const said = known.checked_at
    ? ["The spool was read again ", time(known.checked_at, "ago"), ` (${moment(known.checked_at)}): ${known.result}.`]
    : ["The spool has not been verified yet: the task ", make("code", {}, "verify"), " of the reconciliation does it each day."];
  return make("p", { class: known.result === "faults found" ? "error" : "faint", "data-key": "checked" }, ...said);
}

const stateOf = (days, day) => days.get(day)?.state ?? "unknown";

const wordOf = (days, day) => {
  const events = days.get(day)?.events;
  return `${day}: ${STATES[stateOf(days, day)][1]}${events === undefined ? "" : `, ${number(events)} events`}`;
};

function calendar(known, days) {
  const last = Date.parse(known.last);
  const first = Date.parse(known.first) - weekday(Date.parse(known.first)) * DAY;
  const weeks = Math.floor((last - first) / DAY / 7) + 1;
  const current = place.date || known.last;
  const cell = (at) => {
    const day = dayOf(at);
    if (at > last || at < Date.parse(known.first)) return make("td", {});
    const state = stateOf(days, day);
    return make(
      "td",
      {},
      make(
        "button",
        {
          type: "button",
          id: `day-${day}`,
          class: `date ${state}`,
          title: wordOf(days, day),
          "aria-label": wordOf(days, day),
          "aria-pressed": String(day === place.date),
          tabindex: day === current ? 0 : -1,
          onclick: () => show(day),
          onkeydown: (event) => move(event, at, known),
        },
        STATES[state][0],
      ),
    );
  };
  const months = Array.from({ length: weeks }, (_, week) => {
    const at = new Date(first + week * 7 * DAY);
    const year = at.getUTCMonth() ? "" : `\u00a0${at.getUTCFullYear()}`;
    return make("th", { scope: "col" }, at.getUTCDate() <= 7 ? `${MONTHS[at.getUTCMonth()]}${year}` : "");
  });
  const rows = WEEKDAYS.map((name, number) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("span", { "aria-hidden": "true" }, name.slice(0, 2)), make("span", { class: "unseen" }, name)),
      ...Array.from({ length: weeks }, (_, week) => cell(first + (week * 7 + number) * DAY)),
    ),
  );
  return make(
    "div",
    { class: "year", role: "region", "aria-label": "Calendar of a year; arrow keys move by days and weeks", "data-key": "year" },
    make("table", {}, make("thead", {}, make("tr", {}, make("td", {}), ...months)), make("tbody", {}, ...rows)),
  );
}

function show(day) {
  choose({ date: day });
  commands.show();
}

function move(event, at, known) {
  const steps = MOVES[event.key];
  if (!steps) return;
  event.preventDefault();
  const next = Math.min(Math.max(at + steps * DAY, Date.parse(known.first)), Date.parse(known.last));
  show(dayOf(next));
  document.getElementById(`day-${dayOf(next)}`)?.focus();
}

function legend(known) {
  const counts = new Map();
  for (const each of known.days) counts.set(each.known.state, (counts.get(each.known.state) ?? 0) + 1);
  const shown = (Date.parse(known.last) - Date.parse(known.first)) / DAY + 1;
  counts.set("unknown", (counts.get("unknown") ?? 0) + shown - known.days.length);
  const items = Object.entries(STATES).map(([state, [mark, word]]) =>
    make("li", {}, make("span", { class: `date ${state}`, "aria-hidden": "true" }, mark), ` ${word}`, counts.get(state) ? `: ${number(counts.get(state))}` : ""),
  );
  return make("ul", { class: "legend row", "data-key": "calendar-legend" }, ...items);
}

// The answer of a destination to the question for events that it had confirmed.
function answered(asked) {
  if (asked.why_not) return `not asked: ${asked.why_not}`;
  const lacks = [
    asked.missing ? `${number(asked.missing)} are missing` : "",
    asked.altered ? `${number(asked.altered)} are altered` : "",
  ].filter(Boolean);
  const said = lacks.length ? `${lacks.join(" and ")} of ${number(asked.events)}` : `all ${number(asked.events ?? 0)} are there`;
  return `${moment(asked.at)}: ${said}`;
}

function chosen(days) {
  const day = place.date;
  if (!day) return [make("p", { class: "faint", "data-key": "no-day" }, "Choose a day to see its evidence.")];
  const known = days.get(day);
  const state = known?.state ?? "unknown";
  const facts = known
    ? [
        ["Events that happened", number(known.events ?? 0)],
        ["Spooled", known.first_spooled ? `${moment(known.first_spooled)} to ${moment(known.last_spooled)}` : "–"],
        ["Longest delay until it was spooled", known.events ? span(known.longest_delay ?? 0) : "–"],
        ["Compared with the source", known.compared ? "yes" : "no"],
        ["Its segments were read again without a fault", known.verified_at ? moment(known.verified_at) : "no"],
        ...Object.entries(known.asked ?? {}).map(([name, asked]) => [`Asked whether they are at ${name}`, answered(asked)]),
        ["Proven since", known.proven_at ? moment(known.proven_at) : "–"],
        ...(known.kept === false ? [["Segments", "some of them are no longer kept; these are the figures from before"]] : []),
      ]
    : [];
  const rows = Object.entries(known?.destinations ?? {}).flatMap(([name, states]) =>
    Object.entries(states).map(([word, events]) => cells(make("th", { scope: "row" }, name), word, count(events))),
  );
  return [
    make(
      "section",
      { id: "date", "data-key": "date", "aria-label": `Evidence of ${day}` },
      make(
        "h3",
        {},
        `${day}: `,
        make("span", { class: `date ${state}`, "aria-hidden": "true" }, STATES[state][0]),
        ` ${STATES[state][1]}`,
      ),
      known?.reason ? make("p", {}, known.reason) : "",
      known ? "" : make("p", { class: "faint" }, "No verification has looked at this day yet."),
      facts.length ? make("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])) : "",
      rows.length ? listed(["Destination", "What became of them", "#Events"], rows, "", `What became of the events of ${day}`) : "",
      make("p", {}, make("a", { href: address({ date: "" }), id: "no-date" }, "All days")),
    ),
  ];
}
