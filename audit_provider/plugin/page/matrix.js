// One row per pipeline, one column for the source and one for each connection of destinations. A cell says for how long
// the oldest event waits, so a failed SIEM is a red column and a failed source a red cell at the left.

import { address, choose, place } from "./address.js";
import { at, badge, button, make, mark, sign, time } from "./dom.js";
import { patch, Same } from "./patch.js";
import { commands, seen, shown } from "./state.js";
import { LEVELS, number, WORDS } from "./words.js";

const ROWS = 50; // rows per page, as in the API

export function matrix() {
  const { pipelines, matrix: about } = seen.overview;
  patch(at("states"), chips(about));
  choices(at("tag"), about.tags);
  at("tag").parentElement.hidden = !about.tags.length;
  patch(at("pipelines").tHead, [heads(about)]);
  patch(at("pipelines").tBodies[0], rows(pipelines, about));
  const setup = seen.overview.setup;
  at("none").hidden = pipelines.length > 0;
  patch(at("none"), setup ? firstSteps(setup) : [none(about)]);
  at("pipelines").hidden = Boolean(setup);
  at("filters").hidden = Boolean(setup);
  patch(at("pager"), pager(about));
}

// Set the fields from the address; a field with the focus keeps its text.
export function fill() {
  for (const id of ["find", "tag", "group"]) if (document.activeElement !== at(id)) at(id).value = place[id];
}

export async function want(changes) {
  choose({ page: "1", ...changes });
  fill();
  await commands.look();
}

function choices(select, values) {
  const options = ["", ...values].map((each) => make("option", { value: each, "data-key": `tag-${each}` }, each || "all"));
  patch(select, options);
  select.value = place.tag;
}

function chips({ states }) {
  const total = Object.values(states).reduce((sum, each) => sum + each, 0);
  const chip = (state, word, many) => {
    const node = button(`state-${state || "all"}`, "", () => want({ state: place.state === state ? "" : state }));
    node.setAttribute("aria-pressed", String(place.state === state));
    node.className = "chip";
    node.append(...(state ? [mark(state), " "] : []), `${word} ${number(many)}`);
    return node;
  };
  const chosen = (each) => states[each] || each === place.state;
  return [chip("", "all", total), ...LEVELS.filter(chosen).map((each) => chip(each, WORDS[shown(each)], states[each] ?? 0))];
}

function none({ matched }) {
  // The answer of a pipeline's own view has no rows.
  if (matched) return seen.stale ? "The rows are not loaded: Airflow does not answer." : "Loading …";
  const chosen = place.find || place.state || place.tag;
  return chosen ? "No pipeline matches what you have chosen." : "There is no pipeline to show.";
}

// What an installation without a pipeline needs, with the paths of the files.
function firstSteps({ pipelines_file: file, found, dags_folder: folder }) {
  const code = (text) => make("code", {}, text);
  return [
    make("h2", {}, "There is no pipeline yet: three steps"),
    make(
      "ol",
      {},
      make("li", {}, "Describe a pipeline in ", code(file), found ? ", which is there and has none." : ", which is not there yet.", " ", code("audit-logs check"), " says whether it is right."),
      make("li", {}, "Write the DAG files into ", code(folder), ": ", code(`audit-logs dag-files ${folder}`), "."),
      make("li", {}, "Make the connections that the pipeline names, in Airflow under Admin, Connections. ", code("audit-logs check --connections"), " says which are missing."),
    ),
  ];
}

function heads({ columns }) {
  const sorted = (key, ...inside) => {
    const is = place.sort === key;
    const order = is ? (place.down ? "descending" : "ascending") : null;
    const turn = () => want({ sort: key, down: is && !place.down ? "true" : "" });
    const head = make("button", { type: "button", "data-sort": key, onclick: turn }, ...inside);
    return make("th", { scope: "col", "aria-sort": order, "data-key": `head-${key}` }, head);
  };
  return make(
    "tr",
    { "data-key": "heads" },
    sorted("state", "State"),
    sorted("name", "Pipeline"),
    sorted("source", "Source, last read"),
    ...columns.map((each) => {
      const head = sorted(`to:${each.key}`, sign(each.state), ` ${each.names.join(", ")}`);
      head.className = `column ${shown(each.state)}`;
      const well = `${number(each.delivering)} of ${number(each.destinations)} delivering`;
      head.append(make("div", { class: "faint" }, make("code", {}, ...inParts(each.key))), make("div", { class: "faint" }, well));
      return head;
    }),
    sorted("waiting", "Waiting"),
    sorted("next_run", "Next run"),
  );
}

// A name that may be broken at its underscores only.
const inParts = (name) => name.split(/(?<=_)/).flatMap((part, place) => (place ? [make("wbr"), part] : [part]));

function rows(pipelines, about) {
  const found = [];
  const columns = about.columns.map((each) => [each.key, each.names]);
  let group = null;
  for (const each of pipelines) {
    const name = place.group === "source" ? each.source : place.group === "tag" ? (each.tags[0] ?? "without a tag") : null;
    if (name !== null && name !== group) {
      const head = make("th", { colspan: about.columns.length + 5, scope: "colgroup" }, name);
      found.push(make("tr", { class: "group", "data-key": `group-${name}` }, head));
      group = name;
    }
    found.push(drawn(each, about, columns));
  }
  const shownNow = new Set(pipelines.map((each) => each.name));
  made = new Map([...made].filter(([name]) => shownNow.has(name)));
  return found;
}

// The data of the rows that are shown, by name: a row with the same data is not made again.
let made = new Map();

function drawn(each, about, columns) {
  const of = JSON.stringify([each, columns, seen.stale]);
  const same = made.get(each.name) === of;
  made.set(each.name, of);
  return same ? new Same(`row-${each.name}`) : row(each, about);
}

function row(each, { columns, by }) {
  const waiting = each.destinations.reduce((sum, one) => sum + (one.enabled ? one.pending + one.pending_elsewhere : 0), 0);
  const tags = each.tags.length ? ` · ${each.tags.join(", ")}` : "";
  return make(
    "tr",
    { "data-pipeline": each.name, "data-key": `row-${each.name}` },
    make("td", { "data-label": "State" }, badge(each.state)),
    make(
      "th",
      { scope: "row" },
      make("a", { href: address({ pipeline: each.name, tab: "health" }), id: `open-${each.name}` }, each.name),
      make("div", { class: "faint" }, each.source, tags),
    ),
    source(each),
    ...columns.map((column) =>
      make(
        "td",
        { class: "cells", "data-label": column.names.join(", "), "data-key": column.key },
        ...each.destinations.filter((one) => one[by] === column.key).map((one, _, all) => cell(each, one, all.length > 1)),
      ),
    ),
    make("td", { class: "number", "data-label": "Waiting" }, number(waiting)),
    make("td", { "data-label": "Next run" }, each.paused ? "paused" : each.next_run ? time(each.next_run, "until") : "by hand"),
  );
}

function source(each) {
  const { state, last_complete: complete, failures_in_a_row: failures } = each.reading;
  return make(
    "td",
    { class: "cells", "data-label": "Source", "data-key": "source" },
    make(
      "span",
      { class: `cell ${shown(state)}` },
      sign(state),
      " ",
      complete ? time(complete, "ago") : "never",
    ),
    failures ? make("div", { class: "faint" }, `failed ${failures}×`) : "",
  );
}

// When the oldest event that a destination has not got was spooled; null if none waits or this is not known.
export const oldest = (one) => [one.waiting_since, one.elsewhere_since].filter(Boolean).sort()[0] ?? null;

// How far behind a destination is, as a time.
export function lag(one) {
  if (!one.enabled) return "off";
  const since = oldest(one);
  if (since) return time(since, "waits");
  if (one.pending || one.pending_elsewhere) return "unknown";
  return { new: "never", unknown: "unknown" }[one.state] ?? "0 s";
}

function cell(pipeline, one, named) {
  const waiting = one.pending + one.pending_elsewhere;
  const letters = one.dead_letters;
  const notes = [
    waiting ? `${number(waiting)} waiting` : "",
    one.failures_in_a_row && one.enabled ? `failed ${one.failures_in_a_row}×` : "",
    letters ? `${number(letters)} ${one.letters_counted ? (letters === 1 ? "dead letter" : "dead letters") : "set aside in all"}` : "",
  ].filter(Boolean);
  return make(
    "div",
    { class: `cell ${shown(one.state)}`, "data-key": one.name, title: one.last_error || null },
    make(
      "a",
      { href: address({ pipeline: pipeline.name, tab: "deliveries" }) },
      sign(one.state),
      named ? ` ${one.name} ` : " ",
      lag(one),
    ),
    notes.length ? make("div", { class: "faint" }, notes.join(", ")) : "",
  );
}

function pager({ matched, page, pages }) {
  if (pages < 2) return [];
  const first = (page - 1) * ROWS;
  const turn = (id, label, to) => {
    const node = button(id, label, () => want({ page: String(to) }));
    node.disabled = to < 1 || to > pages;
    return node;
  };
  return [
    turn("earlier", "Previous page", page - 1),
    make("span", { role: "status" }, `${number(first + 1)} to ${number(Math.min(first + ROWS, matched))} of ${number(matched)}`),
    turn("later", "Next page", page + 1),
  ];
}
