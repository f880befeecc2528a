// Time ranges that could not be read or delivered.

import { pathOf } from "./api.js";
import { at, button, cells, listed, make } from "./dom.js";
import { popUp } from "./letters.js";
import { act, press } from "./press.js";
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
  return [listed([...HEADS, ""], rows, "There is no open gap.", "Open gaps")];
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
