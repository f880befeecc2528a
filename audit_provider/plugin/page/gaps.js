// Time ranges that could not be read or delivered.

import { pathOf } from "./api.js";
import { at, button, cells, listed, make, time } from "./dom.js";
import { popUp } from "./letters.js";
import { act, press } from "./press.js";
import { seen } from "./state.js";
import { moment, number } from "./words.js";

const rangeOf = (gap) => `${moment(gap.wanted)} to ${moment(gap.possible)}`;

export function gaps(pipeline) {
  const rows = pipeline.gaps.map((each) => {
    const path = pathOf(pipeline.name, "gaps", each.id, "acknowledge");
    const acknowledge = pipeline.may.includes("acknowledge")
      ? press({ id: `gap-${each.id}`, label: "Acknowledge gap", name: `Acknowledge gap ${rangeOf(each)}`, path, asks: () => askNote(each, path) })
      : "";
    return cells(...about(each), acknowledge);
  });
  const accepted = pipeline.acknowledged.map((each) => {
    const path = pathOf(pipeline.name, "gaps", each.id, "reopen");
    const undo = pipeline.may.includes("acknowledge")
      ? press({ id: `reopen-${each.id}`, label: "Undo", name: `Undo the acknowledgement of gap ${rangeOf(each)}`, path })
      : "";
    const by = make("div", {}, `${each.acknowledged_by}, `, time(each.acknowledged_at, "moment"));
    return cells(...about(each), make("div", {}, by, each.note ? make("div", {}, each.note) : ""), undo);
  });
  return [
    make("h3", {}, "Open"),
    listed([...HEADS, ""], rows, "There is no open gap.", "Open gaps"),
    make("h3", {}, "Acknowledged"),
    listed([...HEADS, "Acknowledged by", ""], accepted, "No gap has been acknowledged.", "Acknowledged gaps"),
    results(pipeline.name),
  ];
}

// The results of buttons whose gap is no longer in the list.
function results(name) {
  const begin = pathOf(name, "gaps", "");
  const left = [...seen.results].filter(([path]) => path.startsWith(begin)).map(([path, [last]]) => [path, last]);
  const lines = left.map(([path, last]) => make("li", { class: last.ok ? "good" : "bad", "data-key": path }, last.message, " ", time(last.at, "ago")));
  return lines.length ? make("ul", { class: "outcome", role: "status", id: "outcome-gaps" }, ...lines) : "";
}

const HEADS = ["Kind", "From", "Until", "Destination", "#Events", "Reason"];

const about = (each) => [
  each.kind,
  moment(each.wanted),
  moment(each.possible),
  each.destination || "all",
  make("td", { class: "number" }, each.events === null ? "unknown" : number(each.events)),
  make("span", {}, each.reason),
];

function askNote(gap, path) {
  const note = make("textarea", { id: "note", maxlength: 500 });
  const send = () => {
    at("dialog").close();
    act(path, { note: note.value });
  };
  popUp(
    "Acknowledge gap",
    make("p", {}, `${rangeOf(gap)}: ${gap.reason}`),
    make("label", {}, "What was found out or done", note),
    button("send", "Acknowledge gap", send),
  );
}
