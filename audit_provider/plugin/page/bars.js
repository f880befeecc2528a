// Bars, one for each label, with an optional band behind them and an optional line across them.

import { make } from "./dom.js";
import { number } from "./words.js";

const [LEFT, TOP, HEIGHT] = [70, 10, 200];
const NARROW = matchMedia("(max-width: 700px)"); // on narrow screens a wide chart would be too small to read
const LAST = 60; // width of a label
const TICKS = 4; // approximate number of lines of a chart

// The step of an axis: 1, 2 or 5 times a power of ten. least: the smallest step, 1 for counts.
export function stepOf(most, least = 0) {
  const wanted = Math.max(most / TICKS, least || Number.MIN_VALUE);
  const size = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((each) => each * size).find((each) => each >= wanted * (1 - 1e-9));
  return Math.max(step, least);
}

// series: [{ values, colour }], bottom first. band: { low, high } or null. about: description of the whole chart. unit:
// of the axis. line: { value, text } across the bars, or null. running: whether the period of the last bar has not
// ended. bar: returns the attributes of a label's group, given its index; the aria-label is also the tooltip.
export function bars({ labels, series, band = null, about, role = "img", bar, unit, line = null, running = true }) {
  const [width, shownLabels] = NARROW.matches ? [420, 4] : [880, 10];
  const totals = labels.map((_, place) => series.reduce((sum, each) => sum + (each.values[place] ?? 0), 0));
  const largest = Math.max(1, ...totals, ...(band ? band.high : []), line ? line.value : 0);
  const step = stepOf(largest, 1);
  const most = Math.ceil(largest / step - 1e-9) * step;
  const wide = Math.min(width, width / Math.max(1, labels.length));
  // The last label ends at the right edge of the bars.
  const under = (left) => (width - left < LAST ? { x: LEFT + width, "text-anchor": "end" } : { x: LEFT + left });
  const y = (value) => TOP + HEIGHT - (HEIGHT * value) / most;
  const parts = [];
  for (let tick = 0; tick <= most; tick += step) {
    parts.push(make("line", { class: "rule", x1: LEFT, x2: LEFT + width, y1: y(tick), y2: y(tick) }));
    parts.push(make("text", { class: "tick", x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, `${number(tick)}${unit ? ` ${unit}` : ""}`));
  }
  labels.forEach((label, place) => {
    const attributes = bar(place, totals[place]);
    const now = running && place === labels.length - 1;
    const said = `${attributes["aria-label"]}${now ? ", not over" : ""}`;
    const group = make(
      "g",
      { ...attributes, class: `${attributes.class}${now ? " running" : ""}`, "aria-label": said },
      make("title", {}, said),
      make("rect", { class: "back", x: LEFT + place * wide, y: TOP, width: wide, height: HEIGHT }),
    );
    let below = 0;
    for (const each of series) {
      const value = each.values[place] ?? 0;
      const height = Math.max(0.8, (HEIGHT * value) / most);
      const left = LEFT + place * wide + wide * 0.12;
      if (value)
        group.append(make("rect", { class: `part ${each.colour}`, x: left, y: y(below + value), width: wide * 0.76, height }));
      below += value;
    }
    parts.push(group);
    if (place % Math.ceil(labels.length / shownLabels) === 0)
      parts.push(make("text", { ...under(place * wide), y: TOP + HEIGHT + 18 }, label));
  });
  if (band) {
    const edge = (values) =>
      values.slice(0, labels.length).map((value, place) => `${LEFT + (place + 0.5) * wide},${y(value)}`);
    const points = [...edge(band.high), ...edge(band.low).reverse()].join(" ");
    parts.push(make("polygon", { class: "band", points, "pointer-events": "none" }));
  }
  if (line) {
    const at = y(line.value);
    parts.push(make("line", { class: "limit", x1: LEFT, x2: LEFT + width, y1: at, y2: at }));
    // At the top there is no room above the line.
    parts.push(make("text", { class: "limit-text", x: LEFT + width, y: at < TOP + 12 ? at + 13 : at - 4, "text-anchor": "end" }, line.text));
  }
  return make("svg", { class: "chart", viewBox: `0 0 ${LEFT + width + 10} 240`, role, "aria-label": about }, ...parts);
}
