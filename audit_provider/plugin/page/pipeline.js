// One pipeline, with its own address: source, spool and destinations, and below them the chosen tab.

import { activityChart } from "./activity.js";
import { address, place } from "./address.js";
import { pathOf } from "./api.js";
import { deliveries } from "./deliveries.js";
import { at, badge, link, make, sign, time, tries } from "./dom.js";
import { evidence } from "./evidence.js";
import { findings } from "./findings.js";
import { gaps } from "./gaps.js";
import { lag } from "./matrix.js";
import { measures } from "./measures.js";
import { outages } from "./outages.js";
import { patch } from "./patch.js";
import { press } from "./press.js";
import { runs } from "./runs.js";
import { seen, shown } from "./state.js";
import { strips } from "./strips.js";
import { number } from "./words.js";

const TABS = {
  health: ["Health", ({ pipeline, activity }) => [problems(pipeline), source(pipeline), ...strips(pipeline, activity), ...outages(pipeline), ...measures(activity, pipeline.lag_target)]],
  deliveries: ["Deliveries", ({ pipeline }) => deliveries(pipeline)],
  gaps: ["Gaps", ({ pipeline }) => gaps(pipeline)],
  activity: ["Activity", ({ pipeline, activity }) => [...findings(pipeline), make("h3", {}, "Events by category and day (UTC)"), ...activityChart(activity)]],
  evidence: ["Evidence", ({ pipeline }) => evidence(pipeline)],
  runs: ["Runs and backfills", ({ pipeline }) => runs(pipeline)],
};

export function detail() {
  const whole = seen.detail;
  const back = make("a", { href: address({ pipeline: "", tab: "health", date: "" }), id: "back" }, "← All pipelines");
  if (!whole) {
    const answered = seen.question === `opened=${new URLSearchParams({ x: place.pipeline }).toString().slice(2)}&size=0`;
    patch(at("detail"), [make("div", { class: "row" }, back), make("p", {}, answered ? `There is no pipeline ${place.pipeline} that you may see.` : "Loading …")]);
    return;
  }
  const { pipeline } = whole;
  const tab = TABS[place.tab] ? place.tab : "health";
  const tabs = Object.entries(TABS).map(([key, [word]]) => {
    const count = key === "gaps" ? pipeline.gaps.length : 0;
    return make("a", { href: address({ tab: key }), id: `tab-${key}`, "aria-current": key === tab ? "page" : null }, word, count ? ` (${count})` : "");
  });
  patch(at("detail"), [
    make(
      "div",
      { class: "row", "data-key": "top" },
      back,
      make("h2", {}, pipeline.name),
      badge(pipeline.state),
      pipeline.run ? link(pipeline.run.link, `last run: ${pipeline.run.state}`) : "",
      link(pipeline.links.dag, "all runs"),
      link(pipeline.links.backfill, "load the past"),
      link(pipeline.links.replay, "replay"),
      pipeline.links.reconcile ? link(pipeline.links.reconcile, "reconciliation") : "",
    ),
    flow(pipeline),
    make("nav", { class: "tabs", "aria-label": `Parts of ${pipeline.name}`, "data-key": "tabs" }, ...tabs),
    make("div", { id: "tab", "data-key": `tab-${pipeline.name}-${tab}` }, ...TABS[tab][1](whole).filter(Boolean)),
  ]);
}

// Events of the last full hour.
const rate = (hours) => (hours.length > 1 ? `${number(hours.at(-2))} events in the last whole hour` : "");

function flow(pipeline) {
  const { reading, destinations } = pipeline;
  const box = (key, state, title, ...lines) =>
    make(
      "li",
      { class: `box ${shown(state)}`, "data-key": key, id: key },
      make("strong", {}, state ? sign(state) : "", ` ${title}`),
      ...lines.filter((each) => each.length).map((each) => make("div", {}, ...each)),
    );
  const served = destinations.map((each) =>
    box(
      `to-${each.name}`,
      each.state,
      each.name,
      each.enabled ? ["oldest waits ", lag(each)] : ["not enabled"],
      [`${number(each.pending + each.pending_elsewhere)} waiting`],
      each.last_success ? ["last success ", time(each.last_success, "ago")] : [],
    ),
  );
  return make(
    "ol",
    { class: "flow", "data-key": "flow", "aria-label": "From the source through the spool to the destinations" },
    box(
      "from",
      reading.state,
      pipeline.source,
      reading.last_complete ? ["read to its end ", time(reading.last_complete, "ago")] : ["never read to its end"],
      reading.look?.looked_at ? ["last look ", time(reading.look.looked_at, "ago")] : [],
      [rate(pipeline.hours)],
    ),
    make("li", { class: "arrow", "aria-hidden": "true", "data-key": "arrow-1" }, "→"),
    box("spool", "", "Spool", [`${number(pipeline.spooled)} events`], pipeline.last_read ? ["last read ", time(pipeline.last_read, "ago")] : []),
    make("li", { class: "arrow", "aria-hidden": "true", "data-key": "arrow-2" }, "→"),
    make("li", { "data-key": "ends" }, make("ul", { class: "ends" }, ...served)),
  );
}

function problems({ problems: found, reported_at: reported }) {
  const lines = found.map((each) =>
    make("li", { class: each.level }, sign(each.level), ` ${each.text}`, make("div", { class: "row" }, ...tries(each, each.subject))),
  );
  if (lines.length) return make("ul", { class: "problems", "data-key": "problems", "aria-label": "What is wrong here" }, ...lines);
  const report = reported ? [" The last report was made ", time(reported, "ago"), "."] : [" No report yet."];
  return make("p", { class: "faint", "data-key": "no-problems" }, "No problem is known.", ...report);
}

function source(pipeline) {
  const { reading, name, may, same_id: same, outside, set_aside: aside } = pipeline;
  const { failures_in_a_row: failures, failing_since: since, next_try, log, last_error: error } = reading;
  const rare = [
    same ? `${number(same)} events came under an id that another record has` : "",
    outside ? `${number(outside)} were served outside of their window of the past` : "",
    aside ? `${number(aside)} records could not be read and are set aside` : "",
  ].filter(Boolean);
  return make(
    "section",
    { id: "source", "data-key": "source", "aria-label": "Source" },
    make("h3", {}, `Source: ${pipeline.source}`),
    make(
      "div",
      { class: "row" },
      badge(reading.state),
      make("code", {}, reading.conn_id),
      failures ? `failed in ${failures} ${failures === 1 ? "run" : "runs in a row"}` : "",
      ...tries({ since, next_try, log }, "the source"),
      may.includes("test_connection")
        ? press({ id: "test_connection", label: "Test source", name: `Test source ${pipeline.source}`, path: pathOf(name, "test-connection") })
        : "",
    ),
    error ? make("div", { class: "error" }, error) : "",
    rare.length ? make("p", { class: "faint" }, `${rare.join("; ")}.`) : "",
  );
}

