// What each destination has got, and what became of the rest.

import { pathOf } from "./api.js";
import { badge, button, cells, count, listed, make, time, tries } from "./dom.js";
import { askRedrive, showLetters } from "./letters.js";
import { lag } from "./matrix.js";
import { press } from "./press.js";
import { number } from "./words.js";

export function deliveries(pipeline) {
  const heads = [
    "State",
    "Destination",
    "#Delivered",
    "#Of these with current time",
    "#Waiting",
    "Oldest waits for",
    "#Failures in a row",
    "Last success",
    "#Dead letters",
    "#Set aside: too old",
    "",
  ];
  return [listed(heads, pipeline.destinations.map((each) => row(pipeline, each)), "none", "Deliveries by destination")];
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
  const many = number(each.dead_letters) + (each.letters_counted ? "" : " so far");
  const letters = each.dead_letters
    ? button(`letters-${each.name}`, many, () => showLetters(pipeline.name, each), `${many} dead letters of ${each.name}`)
    : "0";
  if (each.dead_letters) letters.className = "plain";
  const elsewhere = each.pending_elsewhere ? ` + ${number(each.pending_elsewhere)} of other streams` : "";
  const { failing_since: since, next_try, log } = each;
  const tr = cells(
    badge(each.state),
    make(
      "th",
      { scope: "row" },
      each.name,
      make("div", { class: "faint" }, each.type, " ", make("code", {}, each.conn_id), each.enabled ? "" : ", not enabled"),
      each.last_error ? make("div", { class: "error" }, each.last_error) : "",
      make("div", { class: "row" }, ...tries({ since, next_try, log }, each.name)),
    ),
    count(each.delivered),
    count(each.restamped),
    make("td", { class: "number" }, number(each.pending) + elsewhere),
    each.current_at
      ? make("div", {}, lag(each), make("div", { class: "faint" }, "as of ", time(each.current_at, "ago")))
      : lag(each),
    count(each.failures_in_a_row),
    each.last_success ? time(each.last_success, "ago") : "never",
    make("td", { class: "number" }, letters),
    make("td", { class: each.too_old ? "number bad" : "number" }, number(each.too_old)),
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
    ),
  );
  tr.dataset.destination = each.name;
  tr.dataset.key = each.name;
  return tr;
}
