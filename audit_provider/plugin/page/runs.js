// The last runs of the pipeline's DAGs, as Airflow has them.

import { place } from "./address.js";
import { ask, pathOf } from "./api.js";
import { cells, link, listed, make, time } from "./dom.js";
import { seen } from "./state.js";
import { number, span } from "./words.js";

const KINDS = { incremental: "incremental", backfill: "backfill", replay: "replay", reconcile: "reconciliation" };
const STATES = { success: "ok", failed: "critical", running: "new", queued: "new" };

// Fetch the runs if they are shown.
export async function lookAtRuns() {
  const name = place.pipeline;
  if (!name || place.tab !== "runs") return;
  try {
    const { body } = await ask(pathOf(name, "runs"));
    seen.runs = { name, runs: body.runs, failure: "" };
  } catch (error) {
    seen.runs = { name, runs: [], failure: error.message };
  }
}

export function runs(pipeline) {
  const known = seen.runs;
  if (known?.name !== pipeline.name) return [make("p", { class: "faint" }, "Loading …")];
  if (known.failure) return [make("p", { class: "error" }, known.failure)];
  const rows = known.runs.map((each) => row(each));
  const heads = ["State", "Run", "Began", "#Lasted", "#Read", "#New to the spool", "#Delivered", "#Requests", "#Tasks done", "Logs", "Started with"];
  return [listed(heads, rows, "There is no run that you may see.", "Last runs")];
}

// A count that no task has returned is unknown, not 0.
const counted = (value) => make("td", { class: "number" }, value === null ? "–" : number(value));

// The requests that a run has sent, and how many the budget of the API allows in that time.
function requests({ requests: sent, budget }, lasted) {
  if (sent === null) return counted(null);
  if (!budget) return counted(sent);
  const seconds = Math.max(lasted ?? 0, budget.per);
  const allowed = Math.floor((budget.requests * seconds) / budget.per);
  return make("td", { class: "number" }, number(sent), make("div", { class: "faint" }, `of ${number(allowed)} in ${span(seconds)}`));
}

function row(each) {
  const lasted = each.began ? (Date.parse(each.ended ?? new Date().toISOString()) - Date.parse(each.began)) / 1000 : null;
  const tr = cells(
    make("span", { class: `state ${STATES[each.state] ?? "unknown"}` }, each.state),
    make("th", { scope: "row" }, link(each.link, KINDS[each.kind], `${KINDS[each.kind]} ${each.id}`), each.by ? make("div", { class: "faint" }, `by ${each.by}`) : ""),
    each.began ? time(each.began, "moment") : "not yet",
    make("td", { class: "number" }, span(lasted)),
    counted(each.read),
    counted(each.spooled),
    counted(each.delivered),
    requests(each, lasted),
    make(
      "td",
      { class: "number" },
      `${number(each.done)} of ${number(each.tasks)} `,
      each.ended ? "" : make("progress", { max: Math.max(each.tasks, 1), value: each.done, "aria-label": `Progress of ${each.id}` }),
    ),
    make("div", { class: "row" }, ...each.failed.map((task) => link(task.log, `Log of ${task.id}`)), ...each.active.map((task) => link(task.log, `Log of ${task.id}, running`))),
    make("code", {}, each.asked),
  );
  tr.dataset.key = each.id;
  return tr;
}
