// The overview: the verdict, what is wrong, and one row per pipeline.

import { at, badge, make, time, tries } from "./dom.js";
import { patch, write } from "./patch.js";
import { commands, seen, shown } from "./state.js";
import { age, ago, LEVELS, moment, number, span, until } from "./words.js";

const STALE = 60000; // milliseconds after which nobody knows whether it is still so

export const isStale = () => seen.failure !== null || Date.now() - seen.answered > STALE;

export function show() {
  seen.stale = isStale();
  document.body.classList.toggle("stale", seen.stale);
  at("login").hidden = !seen.failure?.login;
  if (!seen.overview) {
    at("verdict").className = "unknown";
    write(at("verdict"), seen.failure?.message ?? "Loading …");
    return;
  }
  const { verdict, totals, pipelines } = seen.overview;
  at("verdict").className = seen.stale ? "unknown" : verdict.state;
  // A screen reader speaks it when it changes, so it holds no time that passes.
  write(at("verdict"), seen.stale ? (seen.failure?.message ?? "Airflow has not answered.") : verdict.text);
  write(at("totals"), summed(totals));
  write(at("made"), made(seen.overview));
  patch(at("incidents"), incidents(seen.overview));
  patch(at("pipelines").tBodies[0], sorted(pipelines.filter(wanted)).map(row));
  for (const head of document.querySelectorAll("[data-sort]")) {
    const direction = head.dataset.sort === seen.sort ? (seen.down ? "descending" : "ascending") : null;
    if (direction) head.parentElement.setAttribute("aria-sort", direction);
    else head.parentElement.removeAttribute("aria-sort");
  }
  commands.detail();
}

function made({ hidden, made_at: at }) {
  const others = hidden ? `; ${hidden} more that you may not read` : "";
  if (seen.stale) return `Not updated for ${span((Date.now() - seen.answered) / 1000)}${others}`;
  return `as of ${moment(at)}${others}`;
}

function summed({ sources, current, destinations, delivering, waiting, waiting_since: since }) {
  const oldest = since ? `, the oldest for ${span(age(since))}` : "";
  return `Sources: ${current} of ${sources} current · Destinations: ${delivering} of ${destinations} delivering · ${number(waiting)} events waiting${oldest}`;
}

const MOST_NAMES = 5; // pipelines that an incident names

function incidents({ mistakes, incidents: found, more_incidents: more, pipelines }) {
  const lines = found.map((each) => incident(each, pipelines.length));
  if (mistakes) lines.unshift(make("li", { class: "critical", "data-key": "mistakes" }, mistakes));
  if (more) lines.push(make("li", { class: "warning", "data-key": "more" }, `and ${number(more)} more`));
  return lines;
}

function incident(each, total) {
  const { key, level, text, pipelines, waiting, error, other_errors: others } = each;
  const names = pipelines.slice(0, MOST_NAMES).flatMap((name) => [opener(name), " "]);
  const left = pipelines.length - MOST_NAMES;
  const more = left > 0 ? `and ${number(left)} more` : "";
  const other = others ? ` (and ${others} other ${others === 1 ? "error" : "errors"})` : "";
  return make(
    "li",
    { class: level, "data-key": key },
    make("strong", {}, text),
    make(
      "div",
      { class: "row" },
      make("span", {}, pipelines.length > 1 ? `${number(pipelines.length)} of ${number(total)} pipelines: ` : "", ...names, more),
      waiting ? make("span", {}, `${number(waiting)} events waiting`) : "",
      ...tries(each),
    ),
    error ? make("div", { class: "error" }, error, other) : "",
  );
}

function wanted(each) {
  const text = at("find").value.trim().toLowerCase();
  const state = at("state").value;
  const words = [each.name, each.source, ...each.destinations.flatMap((one) => [one.name, one.type])].join(" ");
  return (!state || each.state === state) && words.toLowerCase().includes(text);
}

const KEYS = {
  state: (each) => LEVELS.indexOf(each.state),
  name: (each) => each.name,
  last_read: (each) => each.last_read ?? "",
  lag: (each) => each.lag ?? -1,
  pending: (each) => each.destinations.reduce((sum, one) => sum + one.pending, 0),
  next_run: (each) => each.next_run ?? "9",
};

function sorted(pipelines) {
  const key = KEYS[seen.sort];
  const sign = seen.down ? -1 : 1;
  return [...pipelines].sort((one, other) =>
    key(one) < key(other) ? -sign : key(one) > key(other) ? sign : one.name < other.name ? -1 : 1,
  );
}

function opener(name, id) {
  return make("button", { class: "plain", type: "button", id, onclick: () => commands.open(name, true) }, name);
}

function row(each) {
  const served = each.destinations.map((one) => {
    const much = one.pending ? `, ${number(one.pending)} waiting${one.waiting_since ? ` for ${span(age(one.waiting_since))}` : ""}` : "";
    const wrong = one.failures_in_a_row
      ? `, failed ${one.failures_in_a_row}×`
      : one.dead_letters && !one.letters_counted
        ? `, ${number(one.dead_letters)} set aside so far`
        : one.dead_letters
          ? `, ${number(one.dead_letters)} dead letter${one.dead_letters === 1 ? "" : "s"}`
          : "";
    const mark = { critical: "✖", warning: "!", unknown: "?", stale: "?", off: "–", ok: "✔" }[shown(one.state)] ?? "…";
    return make("li", { class: shown(one.state), "data-key": one.name }, `${mark} ${one.name}${one.enabled ? "" : " off"}${much}${wrong}`);
  });
  const next = each.paused ? "paused" : each.next_run ? time(each.next_run, until(each.next_run)) : "by hand";
  return make(
    "tr",
    { class: each.name === seen.open ? "open" : null, "data-pipeline": each.name, "data-key": `row-${each.name}` },
    make("td", {}, badge(each.state)),
    make("th", { scope: "row" }, opener(each.name, `open-${each.name}`), make("div", { class: "faint" }, each.source)),
    make("td", {}, each.last_read ? time(each.last_read, ago(each.last_read)) : "never"),
    make("td", { class: "short" }, span(each.lag)),
    make("td", {}, spark(each)),
    make("td", {}, make("ul", { class: "served" }, ...served)),
    make("td", {}, next),
  );
}

function spark(each) {
  const hours = each.hours.slice(-48);
  if (!hours.length) return make("span", { class: "faint" }, each.reported_at ? "none" : "no report yet");
  const most = Math.max(1, ...hours);
  const bars = hours.map((count, place) => {
    const height = count ? Math.max(1, (24 * count) / most) : 0;
    return make("rect", { x: place * 3, y: 24 - height, width: 2.4, height });
  });
  const label = `events per hour over ${hours.length} hours, at most ${number(most)}, last whole hour ${number(hours.at(-2) ?? 0)}`;
  return make(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${hours.length * 3} 24`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    ...bars,
  );
}
