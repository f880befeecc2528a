// The pack: the evidence of a time range as one file.

import { outer, place } from "./address.js";
import { file, pathOf } from "./api.js";
import { at, button, make } from "./dom.js";
import { commands, seen } from "./state.js";

const DAY = 86400000; // milliseconds
const dayOf = (time) => new Date(time).toISOString().slice(0, 10);

export function pack(name) {
  const made = seen.pack?.name === name ? seen.pack : null;
  const start = place.date || `${dayOf(Date.now()).slice(0, 8)}01`;
  const end = dayOf((place.date ? Date.parse(place.date) : Date.now()) + DAY);
  const range = () => ({ start: at("pack-start").value, end: at("pack-end").value });
  const press = button("pack", "Make and download", () => download(name, range()), "Make and download the evidence of this time range");
  press.disabled = Boolean(made?.waits);
  // A new day gets a new field, so that the field shows the proposed value.
  const date = (id, label, value) =>
    make("label", { "data-key": `${id}-${value}` }, `${label} `, make("input", { id, type: "date", value }));
  return [
    make("h3", { "data-key": "pack-head" }, "Evidence as a file"),
    make("p", { class: "faint", "data-key": "pack-about" }, "One signed zip: a page to print, and the same for machines. The end is not included. It has no events in it."),
    make(
      "div",
      { class: "row fields", "data-key": "pack" },
      date("pack-start", "From", start),
      date("pack-end", "To", end),
      press,
      make("span", { id: "outcome-pack", role: "status", class: `outcome ${made?.failure ? "bad" : "good"}` }, made?.waits ? "Reading the spool …" : (made?.failure ?? made?.message ?? "")),
    ),
  ];
}

async function download(name, range) {
  seen.pack = { name, waits: true };
  commands.show();
  try {
    const { content, called } = await file(pathOf(name, "evidence"), range);
    save(content, called);
    seen.pack = { name, message: `${called} is downloaded.` };
  } catch (error) {
    seen.pack = { name, failure: error.message };
  }
  if (place.pipeline === name) commands.show();
}

// A frame may not be allowed to download, but the window around it is.
function save(content, called) {
  const around = outer() ?? window;
  const address = around.URL.createObjectURL(content);
  const link = around.document.createElement("a");
  link.href = address;
  link.download = called;
  link.click();
  setTimeout(() => around.URL.revokeObjectURL(address), DAY / 1440);
}
