// Elements. All text is set through textContent, so text of a vendor or a SIEM never becomes markup.

import { outer } from "./address.js";
import { shown } from "./state.js";
import { ago, MARKS, moment, number, until, waits, WORDS } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = ["svg", "rect", "g", "text", "line", "polygon", "polyline", "title", "path"];

export const at = (id) => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const node = DRAWN.includes(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node[key] = value;
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((each) => each !== null && each !== undefined && each !== ""));
  return node;
}

export const badge = (state) => make("span", { class: `state ${shown(state)}` }, mark(state), ` ${WORDS[shown(state)]}`);

// The symbol of a state, beside a word for it; and the symbol alone, which a screen reader reads as that word.
export const mark = (state) => make("span", { class: "mark", "aria-hidden": "true" }, MARKS[shown(state)]);

export const sign = (state) =>
  make("span", { class: "mark", role: "img", "aria-label": WORDS[shown(state)] }, MARKS[shown(state)]);

const SAID = { ago, until, waits, moment };

// A time, written by one of the functions above. tick() renews relative times.
export const time = (text, how) => make("time", { datetime: text, title: moment(text), "data-how": how }, SAID[how](text));

// Renew the relative times, and nothing else.
export function tick() {
  for (const each of document.querySelectorAll("time[data-how]")) {
    const said = SAID[each.dataset.how](each.dateTime);
    if (each.textContent !== said) each.textContent = said;
  }
}

export const button = (id, label, onclick, name) => make("button", { type: "button", id, onclick, "aria-label": name }, label);

// Follow a link in the whole window. A frame may not be allowed to navigate the window, but a link of the window is.
export function follow(event, path) {
  const around = outer();
  if (!around) return;
  event.preventDefault();
  const beyond = around.document.createElement("a");
  beyond.href = path;
  if (event.ctrlKey || event.metaKey) beyond.target = "_blank";
  beyond.click();
}

export const link = (path, text, name) =>
  make("a", { href: path, onclick: (event) => follow(event, path), "aria-label": name }, text);

// Since when something is wrong, when it is tried again, and the log of the task that failed.
export const tries = ({ since, next_try: next, log }, of = "") => [
  since ? make("span", { class: "faint" }, "since ", time(since, "moment"), ", ", time(since, "ago")) : "",
  next ? make("span", { class: "faint" }, "next try ", time(next, "until")) : "",
  log ? link(log, "Task log", of ? `Task log of ${of}` : null) : "",
];

// A table; a head that begins with "#" stands over numbers. On a narrow screen each row is a card, and each cell in it
// has its head beside it.
export function listed(heads, rows, none, caption) {
  if (!rows.length) return make("p", { class: "faint" }, none);
  const names = heads.map((each) => each.replace("#", ""));
  const head = heads.map((each, place) =>
    make("th", { scope: "col", class: each.startsWith("#") ? "number" : null }, names[place] || make("span", { class: "unseen" }, "Buttons")),
  );
  for (const row of rows) [...row.children].forEach((cell, place) => names[place] && cell.setAttribute("data-label", names[place]));
  return make(
    "div",
    { class: "wide", role: "region", tabindex: 0, "aria-label": caption },
    make("table", {}, make("caption", { class: "unseen" }, caption), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)),
  );
}

export const cells = (...values) =>
  make("tr", {}, ...values.map((each) => (each instanceof HTMLTableCellElement ? each : make("td", {}, each))));

export const count = (value) => make("td", { class: "number" }, number(value));
