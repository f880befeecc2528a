// Lag, and what each destination was given, by hour as the reports saw it.

import { bars } from "./bars.js";
import { make } from "./dom.js";
import { number, span } from "./words.js";

const HOUR = 3600000; // milliseconds
const LEAST = 24; // hours shown, also where less is known

export function measures(activity) {
  const lags = activity?.lags_by_hour ?? [];
  const delivered = Object.entries(activity?.delivered_by_hour ?? {});
  const known = lags.map((lag, place) => lag > 0 || delivered.some(([, values]) => values[place] > 0));
  const first = Math.min(Math.max(0, known.indexOf(true)), Math.max(0, lags.length - LEAST));
  if (!known.includes(true)) return [make("p", { class: "faint" }, "Nothing is known yet.")];
  const hours = lags
    .slice(first)
    .map((_, place) => new Date(Date.parse(activity.first_hour) + (first + place) * HOUR).toISOString());
  const labels = hours.map((each) => `${each.slice(5, 10)} ${each.slice(11, 13)}h`);
  const given = delivered.map(([name, values], place) => ({
    name,
    values: values.slice(first),
    colour: `c${place % 10}`,
  }));
  const told = (place, what) => ({ class: "hour", "aria-label": `${labels[place]}: ${what}` });
  return [
    make("h4", {}, "Largest lag by hour, minutes"),
    bars({
      labels,
      series: [{ values: lags.slice(first).map((each) => each / 60), colour: "c1" }],
      about: `largest lag by hour over ${labels.length} hours, at most ${span(Math.max(...lags))}`,
      bar: (place) => told(place, span(lags[first + place])),
    }),
    make("h4", {}, "Events delivered by hour"),
    bars({
      labels,
      series: given,
      about: `events delivered by destination and hour over ${labels.length} hours`,
      bar: (place) => told(place, given.map((each) => `${each.name} ${number(each.values[place] ?? 0)}`).join(", ")),
    }),
    make(
      "ul",
      { class: "row legend" },
      ...given.map((each) => make("li", {}, make("i", { class: each.colour }), each.name)),
    ),
  ];
}
