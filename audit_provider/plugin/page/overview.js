// The overview: the verdict, what is wrong, and one row per pipeline.

import { at, badge, make, time, tries } from "./dom.js";
import { commands, seen } from "./state.js";
import { age, ago, LEVELS, moment, number, span, until } from "./words.js";

export function show() {
  const { verdict, totals, pipelines, mistakes, hidden, made_at: made } = seen.overview;
  at("verdict").className = verdict.state;
  at("verdict").textContent = verdict.text;
  at("totals").textContent = summed(totals);
  at("made").textContent = `as of ${moment(made)}${hidden ? `; ${hidden} more that you may not read` : ""}`;
  const told = pipelines.flatMap((each) => each.problems.map((problem) => ({ ...problem, pipeline: each.name })));
  told.sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
  if (mistakes) told.unshift({ level: "critical", pipeline: "", text: mistakes });
  at("problems").replaceChildren(
    ...told.map((each) =>
      make(
        "li",
        { class: each.level },
        each.pipeline ? opener(each.pipeline) : "",
        each.pipeline ? ": " : "",
        each.text,
        ...tries(each),
      ),
    ),
  );
  const body = at("pipelines").tBodies[0];
  const held = document.activeElement?.id;
  body.replaceChildren(...sorted(pipelines.filter(wanted)).map(row));
  for (const head of document.querySelectorAll("[data-sort]")) {
    const direction = head.dataset.sort === seen.sort ? (seen.down ? "descending" : "ascending") : null;
    if (direction) head.parentElement.setAttribute("aria-sort", direction);
    else head.parentElement.removeAttribute("aria-sort");
  }
  commands.detail();
  if (held) at(held)?.focus();
}

function summed({ sources, current, destinations, delivering, waiting, waiting_since: since }) {
  const oldest = since ? `, the oldest for ${span(age(since))}` : "";
  return `Sources: ${current} of ${sources} current · Destinations: ${delivering} of ${destinations} delivering · ${number(waiting)} events waiting${oldest}`;
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
    const mark = { critical: "✖", warning: "!", unknown: "?", off: "–", ok: "✔" }[one.state] ?? "…";
    return make("li", { class: one.state }, `${mark} ${one.name}${one.enabled ? "" : " off"}${much}${wrong}`);
  });
  const next = each.paused ? "paused" : each.next_run ? time(each.next_run, until(each.next_run)) : "by hand";
  return make(
    "tr",
    { class: each.name === seen.open ? "open" : null, "data-pipeline": each.name },
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
