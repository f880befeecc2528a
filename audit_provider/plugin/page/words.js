// How figures and times are written.

export const number = (value) => Math.round(value).toLocaleString("en-US");

export const moment = (text) => (text ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : "never");

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export const age = (text) => (Date.now() - Date.parse(text)) / 1000;

export const ago = (text) => (text ? `${span(age(text))} ago` : "never");

export function until(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  return seconds < 0 ? `due since ${span(-seconds)}` : `in ${span(seconds)}`;
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
