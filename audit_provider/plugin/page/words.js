// Formats of figures and times.

import { zone } from "./zone.js";

export const number = (value) => Math.round(value).toLocaleString("en-US");

// A time in the zone that is chosen in Airflow.
export function moment(text) {
  if (!text) return "never";
  const { format, name } = zone();
  const at = new Date(text);
  return `${format.format(at)} ${name(at)}`;
}

const UNITS = [
  [1, "s", 90],
  [60, "min", 90],
  [3600, "h", 48],
  [86400, "d", Infinity],
];

// A duration. From 90 minutes on, few hours are written with a half: 1.5 h is not 2 h.
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const [size, unit] = UNITS.find(([size, , most]) => seconds / size < most);
  const value = seconds / size;
  return `${unit === "h" && value < 10 ? Math.round(value * 2) / 2 : Math.round(value)} ${unit}`;
}

export const age = (text) => (Date.now() - Date.parse(text)) / 1000;

export const ago = (text) => (text ? `${span(Math.max(age(text), 0))} ago` : "never");

export const waits = (text) => span(Math.max(age(text), 0));

export function until(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  return seconds < 0 ? `${span(-seconds)} overdue` : `in ${span(seconds)}`;
}

export const LEVELS = ["critical", "warning", "unknown", "new", "off", "ok"];
export const WORDS = {
  critical: "critical",
  warning: "warning",
  unknown: "unknown",
  stale: "not updated",
  new: "never run",
  off: "off",
  ok: "fine",
};
// A symbol beside the colour, for people who do not see the colour.
export const MARKS = { critical: "✖", warning: "▲", unknown: "?", stale: "?", new: "○", off: "–", ok: "✔" };
