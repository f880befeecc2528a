// What the last report has found: signs that something does not work, and signs that somebody does something unusual.

import { cells, count, listed, make } from "./dom.js";
import { moment, number } from "./words.js";

const OPERATION = ["lag", "undelivered", "refused", "gap", "notice", "silence"];
const LEVEL = { critical: "critical", warning: "warning", info: "new" };

export function findings(pipeline, sort) {
  const chosen = pipeline.findings.filter((each) => OPERATION.includes(each.kind) === (sort === "operation"));
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
  const title = sort === "operation" ? "Findings of operation" : "Findings of security";
  const none = pipeline.reported_at ? "Nothing unusual." : "No report yet.";
  return [make("h3", {}, title), listed(["Severity", "When", "What", "Subject", "#Events", "Usual"], rows, none, title)];
}
