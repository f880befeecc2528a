// What each destination has received, and what became of the other events.

import { pathOf } from "./api.js";
import { badge, button, cells, count, listed, make, time, tries } from "./dom.js";
import { askRedrive, discardedAt, showLetters } from "./letters.js";
import { lag } from "./matrix.js";
import { outcome, press } from "./press.js";
import { number } from "./words.js";

export function deliveries(pipeline) {
  const heads = [
    "State",
    "Destination",
    "#Delivered",
    "#Waiting",
    "Oldest waits for",
    "#Set aside: too old",
    "#Set aside: refused",
    "#Left out by settings",
    "#Before its beginning",
    "#Open dead letters",
    "Last success",
    "",
  ];
  const rows = pipeline.destinations.map((each) => row(pipeline, each));
  return [
    listed(heads, rows, "none", "Deliveries by destination"),
    make(
      "p",
      { class: "faint", "data-key": "sum" },
      `The spool has ${number(pipeline.spooled)} events of the live stream. For each destination, what is delivered, waiting, set aside, left out and before its beginning adds up to that, with what was sent again for segments that others have replaced. What was set aside is an open dead letter, was delivered by a resend, was left out by then, or was discarded by a person; it stays counted where it was set aside. Dead letters are those of all streams, by the last report.`,
    ),
  ];
}

function row(pipeline, each) {
  const test = (what, label) =>
    each.may.includes(what)
      ? press({
          id: `${what}-${each.name}`,
          label,
          name: `${label} ${what === "test_event" ? "to" : "of"} ${each.name}`,
          path: pathOf(pipeline.name, "destinations", each.name, what.replace("_", "-")),
        })
      : "";
  const many = number(each.dead_letters) + (each.letters_counted ? "" : " in all");
  const letters = each.dead_letters
    ? button(`letters-${each.name}`, many, () => showLetters(pipeline.name, each), `${many} dead letters of ${each.name}`)
    : "0";
  if (each.dead_letters) letters.className = "plain";
  const elsewhere = each.pending_elsewhere ? ` + ${number(each.pending_elsewhere)} of other streams` : "";
  const { failing_since: since, next_try, log, failures_in_a_row: failures } = each;
  const notes = [
    each.arrived ? `${number(each.arrived)} arrived in all` : "",
    each.restamped ? `${number(each.restamped)} with current time` : "",
    each.already_there ? `${number(each.already_there)} already there` : "",
    each.again ? `${number(each.again)} sent again` : "",
  ].filter(Boolean);
  const gone = [
    each.redriven ? `${number(each.redriven)} delivered by a resend` : "",
    each.discarded ? `${number(each.discarded)} discarded` : "",
  ].filter(Boolean);
  const bad = (value) => make("td", { class: value ? "number bad" : "number" }, number(value));
  const tr = cells(
    badge(each.state),
    make(
      "th",
      { scope: "row" },
      each.name,
      make("div", { class: "faint" }, each.type, " ", make("code", {}, each.conn_id), each.enabled ? "" : ", not enabled"),
      each.last_error ? make("div", { class: "error" }, each.last_error) : "",
      make("div", { class: "row" }, failures ? `failed in ${failures} ${failures === 1 ? "run" : "runs in a row"}` : "", ...tries({ since, next_try, log }, each.name)),
    ),
    make("td", { class: "number" }, number(each.delivered), ...notes.map((note) => make("div", { class: "faint" }, note))),
    make("td", { class: "number" }, number(each.pending) + elsewhere),
    each.current_at
      ? make("div", {}, lag(each), make("div", { class: "faint" }, "as of ", time(each.current_at, "ago")))
      : lag(each),
    bad(each.too_old),
    bad(each.refused),
    count(each.filtered),
    count(each.before),
    make("td", { class: "number" }, letters, ...gone.map((note) => make("div", { class: "faint" }, note))),
    each.last_success ? time(each.last_success, "ago") : "never",
    make(
      "div",
      { class: "row" },
      test("test_connection", "Test connection"),
      test("test_event", "Send test event"),
      each.dead_letters && each.may.includes("redrive")
        ? press({
            id: `redrive-${each.name}`,
            label: "Resend dead letters",
            name: `Resend dead letters of ${each.name}`,
            path: pathOf(pipeline.name, "destinations", each.name, "redrive"),
            asks: () => askRedrive(pipeline.name, each),
          })
        : "",
      outcome(discardedAt(pipeline.name, each.name), `discard-${each.name}`),
    ),
  );
  tr.dataset.destination = each.name;
  tr.dataset.key = each.name;
  return tr;
}
