// Unusual activity that the last report has found. What newer records show is among the problems instead.

import { cells, count, listed, make } from "./dom.js";
import { moment, number } from "./words.js";

const SHOWN_LIVE = ["lag", "undelivered", "refused", "gap", "notice"];
const LEVEL = { critical: "critical", warning: "warning", info: "new" };

export function findings(pipeline) {
  const chosen = pipeline.findings.filter((each) => !SHOWN_LIVE.includes(each.kind));
  const rows = chosen.map((each) => {
    const usual =
      each.high === null || each.high === undefined ? "" : `usual ${number(each.low ?? 0)} to ${number(each.high)}`;
    return cells(
      make("span", { class: `state ${LEVEL[each.severity]}` }, each.severity),
      moment(each.at),
      each.title,
      each.subject,
      count(each.count),
      usual,
    );
  });
  const none = pipeline.reported_at ? "Nothing unusual." : "No report yet.";
  return [make("h3", {}, "Findings"), listed(["Severity", "When", "What", "Subject", "#Events", "Usual"], rows, none, "Findings")];
}
