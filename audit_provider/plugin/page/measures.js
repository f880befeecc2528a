// How far reading was behind, and what each destination received, by hour according to the reports: two charts.

import { bars } from "./bars.js";
import { make } from "./dom.js";
import { number, span } from "./words.js";

const HOUR = 3600000; // milliseconds
const LEAST = 24; // hours shown, even if data exist for fewer

export function measures(activity, target) {
  const lags = activity?.lags_by_hour ?? [];
  const delivered = Object.entries(activity?.delivered_by_hour ?? {});
  const known = lags.map((lag, place) => lag > 0 || delivered.some(([, values]) => values[place] > 0));
  const first = Math.min(Math.max(0, known.indexOf(true)), Math.max(0, lags.length - LEAST));
  if (!known.includes(true)) return [make("p", { class: "faint" }, "No data by hour yet.")];
  const hours = lags
    .slice(first)
    .map((_, place) => new Date(Date.parse(activity.first_hour) + (first + place) * HOUR).toISOString());
  const labels = hours.map((each) => `${each.slice(5, 10)} ${each.slice(11, 13)}h`);
  const labelled = (place, what) => ({ class: "hour", "aria-label": `${labels[place]} UTC: ${what}` });
  const most = Math.max(...lags);
  const charts = [
    make("h4", { "data-key": "lag-head" }, "How far was reading behind? Largest of each hour, minutes"),
    bars({
      labels,
      series: [{ values: lags.slice(first).map((each) => each / 60), colour: "c7" }],
      about: `largest lag of reading by hour over ${labels.length} hours, at most ${span(most)}`,
      unit: "min",
      // If the target is far above all bars, drawing it would make the bars too small.
      line: target && most > target / 4 ? { value: target / 60, text: `target ${span(target)}` } : null,
      bar: (place) => labelled(place, span(lags[first + place])),
    }),
  ];
  delivered.forEach(([name, values], place) => {
    const shown = values.slice(first);
    charts.push(make("h4", { "data-key": `given-head-${name}` }, `What did ${name} receive? Events by hour`));
    if (!shown.some(Boolean)) {
      charts.push(make("p", { class: "faint", "data-key": `given-none-${name}` }, "Nothing in these hours."));
      return;
    }
    const chart = bars({
      labels,
      series: [{ values: shown, colour: `c${place % 10}` }],
      about: `events delivered to ${name} by hour over ${labels.length} hours`,
      bar: (hour) => labelled(hour, `${number(shown[hour] ?? 0)} events to ${name}`),
    });
    chart.dataset.key = `given-${name}`;
    charts.push(chart);
  });
  return charts;
}
