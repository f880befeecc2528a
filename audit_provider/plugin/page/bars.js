// Stacked bars, one for each label, with a band behind them where there is one.

import { make } from "./dom.js";
import { number } from "./words.js";

const [LEFT, WIDTH, TOP, HEIGHT] = [52, 900, 10, 200];

// series: [{ values, colour }], bottom first. band: { low, high } or null. about: what the whole chart shows.
// bar: attributes of the group of a label, given its place; its aria-label is told where the mouse rests, too.
export function bars({ labels, series, band = null, about, role = "img", bar }) {
  const totals = labels.map((_, place) => series.reduce((sum, each) => sum + (each.values[place] ?? 0), 0));
  const most = Math.max(1, ...totals, ...(band ? band.high : []));
  const wide = Math.min(WIDTH, WIDTH / Math.max(1, labels.length));
  const y = (value) => TOP + HEIGHT - (HEIGHT * value) / most;
  const parts = [];
  for (const part of [0, 0.5, 1]) {
    const up = y(most * part);
    parts.push(make("line", { class: "rule", x1: LEFT, x2: LEFT + WIDTH, y1: up, y2: up }));
    parts.push(make("text", { x: LEFT - 6, y: up + 4, "text-anchor": "end" }, number(most * part)));
  }
  labels.forEach((label, place) => {
    const attributes = bar(place, totals[place]);
    const group = make(
      "g",
      attributes,
      make("title", {}, attributes["aria-label"]),
      make("rect", { class: "back", x: LEFT + place * wide, y: TOP, width: wide, height: HEIGHT }),
    );
    let below = 0;
    for (const each of series) {
      const value = each.values[place] ?? 0;
      const height = Math.max(0.8, (HEIGHT * value) / most);
      const left = LEFT + place * wide + wide * 0.12;
      if (value)
        group.append(make("rect", { class: each.colour, x: left, y: y(below + value), width: wide * 0.76, height }));
      below += value;
    }
    parts.push(group);
    if (place % Math.ceil(labels.length / 10) === 0)
      parts.push(make("text", { x: LEFT + place * wide, y: TOP + HEIGHT + 18 }, label));
  });
  if (band) {
    const edge = (values) =>
      values.slice(0, labels.length).map((value, place) => `${LEFT + (place + 0.5) * wide},${y(value)}`);
    const points = [...edge(band.high), ...edge(band.low).reverse()].join(" ");
    parts.push(make("polygon", { class: "band", points, "pointer-events": "none" }));
  }
  return make("svg", { class: "chart", viewBox: "0 0 960 240", role, "aria-label": about }, ...parts);
}
