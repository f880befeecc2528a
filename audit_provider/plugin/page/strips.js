// The state of each day of the last month: how far the source and each destination was behind at most, compared with
// the target. A day with an outage is marked, even if the target was met.

import { make } from "./dom.js";
import { lasted } from "./outages.js";
import { MARKS, span, WORDS } from "./words.js";

const DAYS = 30;
const DAY = 86400000; // milliseconds
const CRITICAL = 4; // times the target

const dayOf = (time) => new Date(time).toISOString().slice(0, 10);

export function strips(pipeline, activity) {
  if (!activity) return [make("p", { class: "faint", "data-key": "no-strips" }, "No report yet, so nothing is known of the days before.")];
  const last = Date.parse(dayOf(Date.parse(activity.made_at)));
  const days = Array.from({ length: DAYS }, (_, place) => dayOf(last - (DAYS - 1 - place) * DAY));
  const known = new Map(activity.by_day.map((each) => [each.day, each]));
  const first = activity.first_day ? Date.parse(dayOf(Date.parse(activity.first_day))) : last;
  const lags = new Map(activity.lags.map((lag, place) => [dayOf(first + place * DAY), lag]));
  const rows = [
    ["Source", pipeline.reading.outages, (day) => (known.has(day) ? (lags.get(day) ?? 0) : null)],
    ...pipeline.destinations.map(({ name, outages }) => [name, outages, (day) => known.get(day)?.destinations[name]?.waited ?? null]),
  ];
  return [
    make("h3", { "data-key": "strips-head" }, "Last 30 days (UTC)"),
    make(
      "p",
      { class: "faint", "data-key": "strips-about" },
      `How far each was behind at most on a day, as the reports saw it. The target is ${span(pipeline.lag_target)}. A day with an outage has ▲ where the target was held.`,
    ),
    make("dl", { class: "strips", "data-key": "strips" }, ...rows.flatMap(([name, outages, behind]) => strip(name, days, outages, behind, pipeline.lag_target))),
  ];
}

function strip(name, days, outages, behind, target) {
  const cells = days.map((day) => {
    const value = behind(day);
    const down = outages.filter((each) => dayOf(Date.parse(each.began)) <= day && day <= dayOf(Date.parse(each.ended)));
    const late = value !== null && value > target;
    const state = late ? (value > CRITICAL * target ? "critical" : "warning") : down.length ? "warning" : value === null ? "new" : "ok";
    const lag = value === null ? "no report" : `at most ${span(value)} behind`;
    return { day, state, said: [lag, ...down.map((each) => `an outage of ${each.at_least ? "at least " : ""}${span(lasted(each))}`)].join(", ") };
  });
  const bad = cells.filter((each) => ["critical", "warning"].includes(each.state));
  const summary = bad.length ? bad.map((each) => `${each.day}: ${WORDS[each.state]}, ${each.said}`).join("; ") : "never beyond the target, and no outage that is known";
  const shown = cells.map(({ day, state, said }) =>
    make("span", { class: `day-state ${state}`, title: `${day}: ${said}` }, state === "new" ? "·" : MARKS[state]),
  );
  return [make("dt", {}, name), make("dd", {}, make("span", { role: "img", "aria-label": summary }, ...shown))];
}
