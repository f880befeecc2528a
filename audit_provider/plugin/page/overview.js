// The top of the page: the verdict, three figures, and what is wrong by cause.

import { address, place } from "./address.js";
import { at, make, sign, time, tries } from "./dom.js";
import { matrix } from "./matrix.js";
import { ended } from "./outages.js";
import { patch, write } from "./patch.js";
import { detail } from "./pipeline.js";
import { copier, press } from "./press.js";
import { seen, shown } from "./state.js";
import { number } from "./words.js";

const STALE = 60000; // milliseconds after which an answer is too old
const MOST_INCIDENTS = 5; // incidents shown before the user asks for more

export const isStale = () => seen.failure !== null || Date.now() - seen.answered > STALE;

export function show() {
  seen.stale = isStale();
  document.body.classList.toggle("stale", seen.stale);
  at("login").hidden = !seen.failure?.login;
  at("pause").setAttribute("aria-pressed", String(seen.paused));
  at("overview").hidden = Boolean(place.pipeline);
  at("detail").hidden = !place.pipeline;
  if (!seen.overview) {
    at("verdict").className = "unknown";
    write(at("verdict"), seen.failure?.message ?? "Loading …");
    return;
  }
  const { verdict, totals } = seen.overview;
  at("verdict").className = seen.stale ? "unknown" : verdict.state;
  // A screen reader speaks the text when it changes, so it contains no relative time.
  write(at("verdict"), seen.stale ? stands() : verdict.text);
  patch(at("totals"), summed(totals));
  patch(at("made"), made(seen.overview));
  if (place.pipeline) detail();
  else {
    patch(at("incidents"), incidents(seen.overview));
    patch(at("ended"), ended(seen.overview));
    matrix();
  }
}

const stands = () => seen.failure?.message ?? (seen.paused ? "Updates are paused." : "Airflow has not answered.");

export function made({ hidden }) {
  const others = hidden ? `; ${hidden} more that you may not read` : "";
  const since = new Date(seen.answered).toISOString();
  if (seen.stale) return ["Not updated for ", time(since, "waits"), others];
  return ["updated ", time(since, "ago"), others];
}

function summed({ sources, current, destinations, delivering, waiting, waiting_since: since, ...worst }) {
  const figure = (well, all, what, state) =>
    make("span", { class: `figure ${shown(state)}` }, sign(state), ` ${what} ${number(well)} of ${number(all)}`);
  const dot = () => make("span", { class: "dot" }, " · ");
  return [
    figure(current, sources, "Sources current", worst.worst_source),
    dot(),
    figure(delivering, destinations, "Destinations delivering", worst.worst_destination),
    dot(),
    make(
      "span",
      { class: "figure" },
      `${number(waiting)} ${waiting === 1 ? "event" : "events"} waiting`,
      ...(since ? [", the oldest for ", time(since, "waits")] : []),
    ),
  ];
}

function incidents({ mistakes, incidents: found, more_incidents: more, totals }) {
  const lines = found.map((each) => incident(each, totals.sources));
  if (mistakes) lines.unshift(make("li", { class: "critical", "data-key": "mistakes" }, mistakes));
  if (more) lines.push(make("li", { class: "warning", "data-key": "more" }, `and ${number(more)} more`));
  if (lines.length <= MOST_INCIDENTS + 1) return lines;
  const rest = lines.slice(MOST_INCIDENTS);
  const whole = make(
    "details",
    {},
    make("summary", {}, `${number(rest.length + Math.max(more - 1, 0))} more`),
    make("ul", { class: "problems", "aria-label": "More of what is wrong" }, ...rest),
  );
  return [...lines.slice(0, MOST_INCIDENTS), make("li", { class: "rest", "data-key": "rest" }, whole)];
}

// The place where a pipeline's view shows more of it.
const TAB_OF = { letters: "deliveries", behind: "deliveries", gap: "gaps", finding: "activity" };

function incident(each, total) {
  const { key, level, text, pipelines, concerned, waiting, error, other_errors: others } = each;
  const kind = key.split(" ")[0];
  const tab = TAB_OF[kind] ?? "health";
  const names = pipelines.flatMap((name) => [make("a", { href: address({ pipeline: name, tab }) }, name), " "]);
  const left = concerned - pipelines.length;
  const other = others ? ` (and ${others} other ${others === 1 ? "error" : "errors"})` : "";
  const id = key.replaceAll(/\s+/g, "-");
  const line = () => [...document.querySelectorAll("#incidents li")].find((one) => one.dataset.key === key);
  return make(
    "li",
    { class: level, "data-key": key },
    make("strong", {}, sign(level), kind === "finding" ? " Finding: " : " ", text),
    make(
      "div",
      { class: "row" },
      make("span", {}, concerned > 1 ? `${number(concerned)} of ${number(total)} pipelines: ` : "", ...names, left > 0 ? `and ${number(left)} more` : ""),
      waiting ? make("span", {}, `${number(waiting)} events waiting`) : "",
      ...tries(each, text),
      each.test
        ? press({ id: `test-${id}`, label: "Test", name: `Test connection ${each.cause}`, path: each.test })
        : "",
      error ? copier({ id: `copy-${id}`, label: "Copy error", name: `Copy error of ${text}`, text: error, shownBy: () => line().querySelector(".error") }) : "",
    ),
    error ? make("div", { class: "error" }, error, other) : "",
  );
}

