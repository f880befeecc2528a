// One pipeline, opened below the overview.

import { act, askNote, showLetters } from "./actions.js";
import { activityChart } from "./activity.js";
import { pathOf } from "./api.js";
import { at, badge, button, cells, count, link, listed, make, time, tries } from "./dom.js";
import { measures } from "./measures.js";
import { patch } from "./patch.js";
import { commands, seen } from "./state.js";
import { age, ago, moment, number, span } from "./words.js";

export function detail() {
  const place = at("detail");
  place.hidden = !seen.detail;
  if (!seen.detail) return;
  const { pipeline, activity } = seen.detail;
  const links = [
    pipeline.run ? link(pipeline.run.link, `last run: ${pipeline.run.state}`) : "",
    link(pipeline.links.dag, "all runs"),
    link(pipeline.links.backfill, "backfill"),
    pipeline.links.reconcile ? link(pipeline.links.reconcile, "reconciliation") : "",
  ];
  const shown = [
    make(
      "div",
      { class: "row" },
      make("h2", {}, pipeline.name),
      badge(pipeline.state),
      ...links,
      pipeline.may.includes("test_connection")
        ? button("test_connection", "Test connection of the source", () => act(pathOf(pipeline.name, "test-connection")))
        : "",
      button("close", "Close", () => commands.open("")),
    ),
    make(
      "p",
      { class: "faint" },
      `${pipeline.source}: ${number(pipeline.spooled)} events read${pipeline.same_id ? `, ${number(pipeline.same_id)} of them under an id that another record has` : ""}${pipeline.outside ? `, ${number(pipeline.outside)} served outside of their window of the past` : ""}, last ${ago(pipeline.last_read)}; report ${pipeline.reported_at ? ago(pipeline.reported_at) : "not made yet"}.`,
    ),
    make(
      "div",
      {
        id: "told",
        role: "status",
        "aria-live": "polite",
        class: seen.told ? `told ${seen.told.ok ? "good" : "bad"}` : "",
      },
      ...(seen.told ? [seen.told.message, " ", seen.told.link ? link(seen.told.link, "See the run") : ""] : []),
    ),
    problems(pipeline),
    make("h3", {}, "Source"),
    source(pipeline),
    make("h3", {}, "Destinations"),
    destinations(pipeline),
    make("h3", {}, "Gaps"),
    gaps(pipeline),
    make("h3", {}, "Findings"),
    findings(pipeline),
    make("h3", {}, "Activity by category and day"),
    ...activityChart(activity),
    make("h3", {}, "Lag and deliveries"),
    ...measures(activity),
  ].filter(Boolean);
  // While one button waits for its answer, no other may be pressed, however often this is drawn.
  for (const each of shown.flatMap((node) => [...node.querySelectorAll("button")])) each.disabled = seen.acting;
  patch(place, shown);
}

function problems({ problems: found }) {
  const lines = found.map((each) =>
    make("li", { class: each.level }, each.text, make("div", { class: "row" }, ...tries(each))),
  );
  return lines.length ? make("ul", { class: "problems", "data-key": "problems", "aria-label": "What is wrong here" }, ...lines) : "";
}

function source({ source: title, reading }) {
  const complete = reading.last_complete;
  const tr = cells(
    badge(reading.state),
    make("th", { scope: "row" }, title),
    complete ? time(complete, ago(complete)) : "never",
    count(reading.failures_in_a_row),
    make("div", { class: "row" }, ...tries({ since: reading.failing_since, next_try: reading.next_try, log: reading.log })),
  );
  tr.id = "source";
  if (reading.last_error) tr.children[1].append(make("div", { class: "error" }, reading.last_error));
  return listed(["State", "Source", "Read to its end", "#Failures in a row", ""], [tr], "none");
}

function oldest({ pending, pending_elsewhere: elsewhere, waiting_since: since, elsewhere_since: other, current_at: current }) {
  const first = [since, other].filter(Boolean).sort()[0];
  if (first) return time(first, span(age(first)));
  if (current) return time(current, `none, as of ${ago(current)}`);
  return pending || elsewhere ? "unknown" : "–";
}

function destinations(pipeline) {
  const rows = pipeline.destinations.map((each) => {
    const press = (what, label) =>
      each.may.includes(what)
        ? button(`${what}-${each.name}`, label, () =>
            act(pathOf(pipeline.name, "destinations", each.name, what.replace("_", "-"))),
          )
        : "";
    const letters = make(
      "td",
      { class: "number" },
      each.dead_letters
        ? make(
            "button",
            {
              class: "plain",
              type: "button",
              id: `letters-${each.name}`,
              onclick: () => showLetters(pipeline.name, each),
            },
            number(each.dead_letters) + (each.letters_counted ? "" : " so far"),
          )
        : "0",
    );
    const elsewhere = each.pending_elsewhere ? ` + ${number(each.pending_elsewhere)} of other streams` : "";
    const tr = cells(
      badge(each.state),
      make(
        "th",
        { scope: "row" },
        each.name,
        make("div", { class: "faint" }, each.type + (each.enabled ? "" : ", not enabled")),
      ),
      count(each.delivered),
      count(each.restamped),
      make("td", { class: "number" }, number(each.pending) + elsewhere),
      oldest(each),
      count(each.failures_in_a_row),
      each.last_success ? time(each.last_success, ago(each.last_success)) : "never",
      letters,
      make("td", { class: each.too_old ? "number bad" : "number" }, number(each.too_old)),
      make(
        "div",
        { class: "row" },
        press("test_connection", "Test connection"),
        press("test_event", "Send test event"),
        each.dead_letters ? press("redrive", "Redrive dead letters") : "",
      ),
    );
    tr.dataset.destination = each.name;
    if (each.last_error) tr.children[1].append(make("div", { class: "error" }, each.last_error));
    const { failing_since: since, next_try, log } = each;
    tr.children[1].append(make("div", { class: "row" }, ...tries({ since, next_try, log })));
    return tr;
  });
  return listed(
    [
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
    ],
    rows,
    "none",
  );
}

function gaps(pipeline) {
  const rows = pipeline.gaps.map((each) => {
    const acknowledge = pipeline.may.includes("acknowledge")
      ? button(`gap-${each.id}`, "Acknowledge gap", () => askNote(pipeline.name, each))
      : "";
    return cells(
      each.kind,
      moment(each.wanted),
      moment(each.possible),
      each.destination || "all",
      make("span", {}, each.reason),
      acknowledge,
    );
  });
  return listed(["Kind", "From", "Until", "Destination", "Reason", ""], rows, "There is no open gap.");
}

function findings(pipeline) {
  const level = { critical: "critical", warning: "warning", info: "new" };
  const rows = pipeline.findings.map((each) => {
    const usual =
      each.high === null || each.high === undefined ? "" : `usual ${number(each.low ?? 0)} to ${number(each.high)}`;
    return cells(
      make("span", { class: `state ${level[each.severity]}` }, each.severity),
      moment(each.at),
      each.title,
      each.subject,
      count(each.count),
      usual,
    );
  });
  return listed(
    ["Severity", "When", "What", "Subject", "#Events", ""],
    rows,
    pipeline.reported_at ? "Nothing unusual." : "No report yet.",
  );
}
