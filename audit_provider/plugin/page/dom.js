// Elements. All text comes in through textContent, so nothing that a vendor or a SIEM says can become markup.

import { shown } from "./state.js";
import { ago, moment, number, until, WORDS } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = ["svg", "rect", "g", "text", "line", "polygon", "title"];

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

export const badge = (state) => make("span", { class: `state ${shown(state)}` }, WORDS[shown(state)]);

export const time = (text, shown) => make("time", { datetime: text, title: moment(text) }, shown);

export const button = (id, label, onclick) => make("button", { type: "button", id, onclick }, label);

// A frame may not lead the whole window away, but a link of the window itself may.
export function link(path, text) {
  const go = (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const outer = window.parent.document.createElement("a");
    outer.href = path;
    if (event.ctrlKey || event.metaKey) outer.target = "_blank";
    outer.click();
  };
  return make("a", { href: path, onclick: go }, text);
}

// Since when something is wrong, when it is tried again, and the log of the task that failed.
export const tries = ({ since, next_try: next, log }) => [
  since ? make("span", { class: "faint" }, "since ", time(since, moment(since)), `, ${ago(since)}`) : "",
  next ? make("span", { class: "faint" }, "next try ", time(next, until(next))) : "",
  log ? link(log, "Task log") : "",
];

// A table; a head that begins with "#" stands over numbers.
export function listed(heads, rows, none) {
  if (!rows.length) return make("p", { class: "faint" }, none);
  const head = heads.map((each) =>
    make("th", { scope: "col", class: each.startsWith("#") ? "number" : null }, each.replace("#", "")),
  );
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

export const cells = (...values) =>
  make("tr", {}, ...values.map((each) => (each instanceof HTMLTableCellElement ? each : make("td", {}, each))));

export const count = (value) => make("td", { class: "number" }, number(value));
