// Past outages: of all pipelines in the last day, by cause, and of one pipeline as far as they are recorded.

import { address } from "./address.js";
import { cells, count, listed, make, time } from "./dom.js";
import { number, span } from "./words.js";

const SECOND = 1000; // milliseconds

// Outages that ended in the last 24 hours, folded, because present problems are more important.
export function ended({ ended: found }) {
  if (!found.length) return [];
  return [
    make(
      "details",
      { "data-key": "ended" },
      make("summary", {}, `Ended in the last 24 hours: ${number(found.length)}`),
      make("ul", { class: "problems", "aria-label": "What was wrong in the last 24 hours" }, ...found.map(incident)),
    ),
  ];
}

function incident({ key, text, times, began, ended: end, longest, at_least, waited, error, pipelines, concerned }) {
  const names = pipelines.flatMap((name) => [make("a", { href: address({ pipeline: name }) }, name), " "]);
  const left = concerned - pipelines.length;
  const longer = `${at_least ? "at least " : ""}${span(longest)}`;
  const lasted = times > 1 ? `${number(times)} outages, the longest ${longer}` : `for ${longer}`;
  return make(
    "li",
    { class: "ended", "data-key": key },
    make("strong", {}, text),
    make(
      "div",
      { class: "row" },
      make("span", {}, concerned > 1 ? `${number(concerned)} pipelines: ` : "", ...names, left > 0 ? `and ${number(left)} more` : ""),
      make("span", {}, lasted),
      waited ? make("span", {}, `up to ${number(waited)} events waited`) : "",
      make("span", { class: "faint" }, "from ", time(began, "moment"), ", ended ", time(end, "ago")),
    ),
    error ? make("div", { class: "faint" }, error) : "",
  );
}

export const lasted = (each) => (Date.parse(each.ended) - Date.parse(each.began)) / SECOND;

// The outages of a pipeline, the newest first, each with its length compared with the target.
export function outages(pipeline) {
  const parts = [{ name: pipeline.source, of: pipeline.reading }, ...pipeline.destinations.map((each) => ({ name: each.name, of: each }))];
  const found = parts.flatMap(({ name, of }) => of.outages.map((each) => ({ name, each })));
  found.sort((one, other) => Date.parse(other.each.ended) - Date.parse(one.each.ended));
  const rows = found.map(({ name, each }) => row(name, each, pipeline.lag_target));
  return [
    make("h3", { "data-key": "outages-head" }, "Outages that ended"),
    listed(
      ["What", "Began", "Ended", "#Lasted", "#Failed runs", "#Waited at the end", "Last error"],
      rows,
      "None is known. The last 20 of the source and of each destination are kept.",
      "Outages that ended",
    ),
  ];
}

function row(name, each, target) {
  const seconds = lasted(each);
  const beyond = seconds > target;
  const tr = cells(
    make("th", { scope: "row" }, name),
    time(each.began, "moment"),
    make("td", {}, each.at_least ? "after " : "", time(each.ended, "moment")),
    make("td", { class: beyond ? "number bad" : "number" }, each.at_least ? "at least " : "", span(seconds), beyond ? make("div", { class: "faint" }, `target ${span(target)}`) : ""),
    count(each.failures),
    make("td", { class: "number" }, each.waited === null ? "–" : number(each.waited)),
    make("div", { class: "error" }, each.error),
  );
  tr.dataset.key = `${name} ${each.ended}`;
  return tr;
}
