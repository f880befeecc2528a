// The page "Audit logs": one overview that renews itself, one pipeline opened below it.
// All text comes in through textContent, so nothing that a vendor or a SIEM says can become markup.

const EVERY = 15000; // milliseconds between two looks
const LEVELS = ["critical", "warning", "new", "ok"];
const WORDS = { critical: "critical", warning: "warning", new: "not begun", ok: "fine" };
const SVG = "http://www.w3.org/2000/svg";
const seen = { overview: null, open: "", detail: null, category: "", day: -1, sort: "state", down: false, told: null };

const at = (id) => document.getElementById(id);

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "rect", "g", "text", "line", "polygon"].includes(name);
  const node = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((each) => each !== null && each !== undefined && each !== ""));
  return node;
}

// What is asked of the API

async function ask(path, body) {
  const options = { headers: { Accept: "application/json", "X-Audit-Logs": "page" }, credentials: "same-origin" };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(`api/${path}`, options);
  if (answer.ok) return answer.json();
  if (answer.status === 401) throw new Error("You are not logged in any more: log in to Airflow, then look again.");
  if (answer.status === 403)
    throw new Error("Airflow does not allow this to you: ask for the permission, see the documentation.");
  const said = await answer.json().catch(() => ({}));
  throw new Error(typeof said.detail === "string" ? said.detail : `Airflow answered ${answer.status}.`);
}

const pathOf = (pipeline, ...rest) => ["pipelines", pipeline, ...rest].map(encodeURIComponent).join("/");

// How things are written

const number = (value) => Math.round(value).toLocaleString("en-US");
const moment = (text) => (text ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : "never");
function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}
const ago = (text) => (text ? `${span((Date.now() - Date.parse(text)) / 1000)} ago` : "never");
function until(text) {
  const seconds = (Date.parse(text) - Date.now()) / 1000;
  return seconds < 0 ? `due since ${span(-seconds)}` : `in ${span(seconds)}`;
}
const badge = (state) => make("span", { class: `state ${state}` }, WORDS[state]);
const time = (text, shown) => make("time", { datetime: text, title: moment(text) }, shown);

// A frame may not lead the whole window away, but a link of the window itself may.
function link(path, text) {
  const go = (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const outer = window.parent.document.createElement("a");
    outer.href = path;
    if (event.ctrlKey || event.metaKey) outer.target = "_blank";
    outer.click();
  };
  return make("a", { href: path, onclick: go }, text);
}

// The overview

async function look() {
  try {
    seen.overview = await ask("overview");
    if (!seen.overview.pipelines.some((each) => each.name === seen.open)) seen.open = "";
    seen.detail = seen.open ? await ask(pathOf(seen.open)) : null;
  } catch (error) {
    at("verdict").className = "critical";
    at("verdict").textContent = error.message;
    return;
  }
  show();
}

function show() {
  const { critical, warning, pipelines, mistakes, hidden, made_at: made } = seen.overview;
  const verdict = at("verdict");
  const parts = [critical && `${critical} critical`, warning && `${warning} with a warning`].filter(Boolean);
  verdict.className = critical || mistakes ? "critical" : warning ? "warning" : "ok";
  const fine = pipelines.length ? `All ${pipelines.length} pipelines are fine` : "There are no pipelines yet";
  verdict.textContent = parts.length
    ? `${parts.join(", ")} of ${pipelines.length} pipelines`
    : mistakes
      ? "The pipelines file is wrong"
      : fine;
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
  detail();
  if (held) at(held)?.focus();
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
  return make("button", { class: "plain", type: "button", id, onclick: () => open(name, true) }, name);
}

function row(each) {
  const served = each.destinations.map((one) => {
    const much = one.pending ? `, ${number(one.pending)} pending` : "";
    const wrong = one.failures_in_a_row
      ? `, failed ${one.failures_in_a_row}×`
      : one.dead_letters
        ? `, ${number(one.dead_letters)} dead letters`
        : "";
    const mark = { critical: "✖", ok: "✔" }[one.state] ?? "…";
    return make("li", { class: one.state }, `${mark} ${one.name}${one.enabled ? "" : " (not enabled)"}${much}${wrong}`);
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

// One pipeline

async function open(name, go) {
  Object.assign(seen, { open: name, detail: null, category: "", day: -1, told: null });
  history.replaceState(null, "", name ? `#${encodeURIComponent(name)}` : location.pathname);
  if (name || !seen.overview) await look();
  else show();
  if (name && go) {
    at("detail").scrollIntoView({ block: "start" });
    at("detail").focus();
  }
}

function detail() {
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
  place.replaceChildren(
    make(
      "div",
      { class: "row" },
      make("h2", {}, pipeline.name),
      badge(pipeline.state),
      ...links,
      make("button", { type: "button", id: "close", onclick: () => open("") }, "Close"),
    ),
    make(
      "p",
      { class: "faint" },
      `${pipeline.source}: ${number(pipeline.spooled)} events read, last ${ago(pipeline.last_read)}; report ${pipeline.reported_at ? ago(pipeline.reported_at) : "not made yet"}.`,
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
    make("h3", {}, "Destinations"),
    destinations(pipeline),
    make("h3", {}, "Gaps"),
    gaps(pipeline),
    make("h3", {}, "Findings"),
    findings(pipeline),
    make("h3", {}, "Activity by category and day"),
    ...chart(activity),
  );
}

function listed(heads, rows, none) {
  if (!rows.length) return make("p", { class: "faint" }, none);
  const head = heads.map((each) =>
    make("th", { scope: "col", class: each.startsWith("#") ? "number" : null }, each.replace("#", "")),
  );
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

const cells = (...values) =>
  make("tr", {}, ...values.map((each) => (each instanceof HTMLTableCellElement ? each : make("td", {}, each))));
const count = (value) => make("td", { class: "number" }, number(value));

function destinations(pipeline) {
  const rows = pipeline.destinations.map((each) => {
    const press = (what, label) =>
      each.may.includes(what)
        ? make(
            "button",
            {
              type: "button",
              id: `${what}-${each.name}`,
              onclick: () => act(pathOf(pipeline.name, "destinations", each.name, what.replace("_", "-"))),
            },
            label,
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
            number(each.dead_letters),
          )
        : "0",
    );
    const elsewhere = each.pending_elsewhere ? ` + ${number(each.pending_elsewhere)} of backfills` : "";
    const tr = cells(
      badge(each.state),
      make(
        "th",
        { scope: "row" },
        each.name,
        make("div", { class: "faint" }, each.type + (each.enabled ? "" : ", not enabled")),
      ),
      count(each.delivered),
      make("td", { class: "number" }, number(each.pending) + elsewhere),
      count(each.failures_in_a_row),
      each.last_success ? time(each.last_success, ago(each.last_success)) : "never",
      letters,
      count(each.too_old),
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
    return tr;
  });
  return listed(
    [
      "State",
      "Destination",
      "#Delivered",
      "#Pending",
      "#Failures in a row",
      "Last success",
      "#Dead letters",
      "#Too old",
      "",
    ],
    rows,
    "none",
  );
}

function gaps(pipeline) {
  const rows = pipeline.gaps.map((each) => {
    const button = pipeline.may.includes("acknowledge")
      ? make(
          "button",
          { type: "button", id: `gap-${each.id}`, onclick: () => askNote(pipeline.name, each) },
          "Acknowledge gap",
        )
      : "";
    return cells(
      each.kind,
      moment(each.wanted),
      moment(each.possible),
      each.destination || "all",
      make("span", {}, each.reason),
      button,
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

// The chart: one stacked bar per day, the usual span behind it, and below it the actions of what was chosen.

const dayOf = (activity, place) =>
  new Date(Date.parse(activity.first_day) + place * 86400000).toISOString().slice(0, 10);

function chart(activity) {
  if (!activity?.first_day) return [make("p", { class: "faint" }, "No report yet.")];
  const categories = Object.keys(activity.days);
  const shown = categories.filter((each) => !seen.category || each === seen.category);
  const length = Math.max(0, ...categories.map((each) => activity.days[each].length));
  const band = !seen.category && activity.high.length > 0;
  const totals = Array.from({ length }, (_, day) =>
    shown.reduce((sum, each) => sum + (activity.days[each][day] ?? 0), 0),
  );
  const most = Math.max(1, ...totals, ...(band ? activity.high : []));
  const [left, wide, high] = [52, Math.max(1, 900 / Math.max(1, length)), 200];
  const y = (value) => 10 + high - (high * value) / most;
  const parts = [];
  for (const part of [0, 0.5, 1]) {
    parts.push(make("line", { class: "rule", x1: left, x2: left + 900, y1: y(most * part), y2: y(most * part) }));
    parts.push(make("text", { x: left - 6, y: y(most * part) + 4, "text-anchor": "end" }, number(most * part)));
  }
  for (let day = 0; day < length; day += 1) {
    const choose = () => {
      seen.day = seen.day === day ? -1 : day;
      detail();
      at(`day-${day}`)?.focus();
    };
    const label = `${dayOf(activity, day)}: ${number(totals[day])} events${band ? `, usual ${number(activity.low[day] ?? 0)} to ${number(activity.high[day] ?? 0)}` : ""}`;
    const bar = make(
      "g",
      {
        id: `day-${day}`,
        class: seen.day === day ? "day chosen" : "day",
        tabindex: 0,
        role: "button",
        "aria-label": label,
        "aria-pressed": String(seen.day === day),
        onclick: choose,
        onkeydown: (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            choose();
          }
        },
      },
      make("rect", { class: "back", x: left + day * wide, y: 10, width: wide, height: high }),
    );
    let below = 0;
    for (const each of shown) {
      const value = activity.days[each][day] ?? 0;
      if (value)
        bar.append(
          make("rect", {
            class: `c${categories.indexOf(each) % 10}`,
            x: left + day * wide + wide * 0.12,
            y: y(below + value),
            width: wide * 0.76,
            height: Math.max(0.8, (high * value) / most),
          }),
        );
      below += value;
    }
    parts.push(bar);
    if (day % Math.ceil(length / 10) === 0)
      parts.push(make("text", { x: left + day * wide, y: high + 28 }, dayOf(activity, day).slice(5)));
  }
  if (band) {
    const edge = (values) => values.slice(0, length).map((value, day) => `${left + (day + 0.5) * wide},${y(value)}`);
    const usual = make("polygon", {
      class: "band",
      points: [...edge(activity.high), ...edge(activity.low).reverse()].join(" "),
      "pointer-events": "none",
    });
    parts.push(usual);
  }
  const legend = categories.map((each, place) => {
    const choose = () => {
      seen.category = seen.category === each ? "" : each;
      detail();
      at(`category-${place}`)?.focus();
    };
    return make(
      "button",
      { type: "button", id: `category-${place}`, "aria-pressed": String(seen.category === each), onclick: choose },
      make("i", { class: `c${place % 10}` }),
      each,
    );
  });
  return [
    make(
      "svg",
      {
        class: "chart",
        viewBox: "0 0 960 240",
        role: "group",
        "aria-label": "events by day; the dashed band is what is usual",
      },
      ...parts,
    ),
    make("div", { class: "row legend" }, ...legend),
    ...actions(activity),
  ];
}

function actions(activity) {
  const sum = (each) =>
    seen.day < 0 ? each.days.reduce((total, value) => total + value, 0) : (each.days[seen.day] ?? 0);
  const chosen = activity.actions.filter(
    (each) => (!seen.category || each.category === seen.category) && sum(each) > 0,
  );
  chosen.sort((one, other) => sum(other) - sum(one));
  const what = [seen.category || "every category", seen.day < 0 ? "all days shown" : dayOf(activity, seen.day)].join(
    ", ",
  );
  const rows = chosen.map((each) =>
    cells(make("th", { scope: "row" }, make("code", {}, each.action)), each.category, count(sum(each))),
  );
  const unknown = activity.unknown_actions.length
    ? make("p", { class: "faint" }, `No table knows: ${activity.unknown_actions.join(", ")}`)
    : "";
  return [make("h3", {}, `Actions: ${what}`), listed(["Action", "Category", "#Events"], rows, "none"), unknown];
}

// Buttons

async function act(path, body = {}) {
  const buttons = [...at("detail").querySelectorAll("button")];
  for (const each of buttons) each.disabled = true;
  seen.told = { ok: true, message: "Waiting for an answer …" };
  at("told").textContent = seen.told.message;
  try {
    seen.told = await ask(path, body);
  } catch (error) {
    seen.told = { ok: false, message: error.message };
  }
  await look();
  for (const each of at("detail").querySelectorAll("button")) each.disabled = false;
}

function askNote(pipeline, gap) {
  const note = make("textarea", { id: "note", maxlength: 500 });
  const send = () => {
    at("dialog").close();
    act(pathOf(pipeline, "gaps", gap.id, "acknowledge"), { note: note.value });
  };
  popUp(
    "Acknowledge gap",
    make("p", {}, `${moment(gap.wanted)} to ${moment(gap.possible)}: ${gap.reason}`),
    make("label", {}, "What was found out or done", note),
    make("button", { type: "button", id: "send", onclick: send }, "Acknowledge gap"),
  );
}

async function showLetters(pipeline, destination, events = false) {
  const path = `${pathOf(pipeline, "destinations", destination.name, "dead-letters")}?events=${events}`;
  let found;
  try {
    found = await ask(path);
  } catch (error) {
    popUp("Dead letters", make("p", { class: "error" }, error.message));
    return;
  }
  const letters = found.letters.map((each) =>
    make(
      "article",
      {},
      make("code", {}, each.id),
      ` of ${moment(each.time)}, set aside ${moment(each.set_aside_at)} in ${each.stream}`,
      make("div", { class: "error" }, each.reason),
      each.answer ? make("pre", {}, each.answer) : "",
      each.event ? make("pre", {}, each.event) : "",
    ),
  );
  const more =
    destination.may.includes("read_events") && !events
      ? make(
          "button",
          { type: "button", id: "events", onclick: () => showLetters(pipeline, destination, true) },
          "Show the events",
        )
      : "";
  popUp(
    `Dead letters of ${destination.name}`,
    more,
    ...letters,
    found.more ? make("p", {}, "There are more.") : "",
    letters.length ? "" : "None is open.",
  );
}

function popUp(title, ...content) {
  const box = at("dialog");
  box.setAttribute("aria-label", title);
  box.replaceChildren(
    make(
      "div",
      { class: "row" },
      make("h2", {}, title),
      make("button", { type: "button", onclick: () => box.close() }, "Close"),
    ),
    ...content.filter(Boolean),
  );
  if (!box.open) box.showModal();
}

// Airflow keeps its own switch between light and dark on the window around the frame.

function theme() {
  const chosen = window.parent.document.documentElement;
  const dark = chosen.classList.contains("dark") || chosen.dataset.theme === "dark";
  const light = chosen.classList.contains("light") || chosen.dataset.theme === "light";
  if (dark || light) document.documentElement.dataset.theme = dark ? "dark" : "light";
}

try {
  if (window.parent !== window) {
    theme();
    new window.parent.MutationObserver(theme).observe(window.parent.document.documentElement, { attributes: true });
  }
} catch {
  // The page stands in a frame of another site's: then the system's choice holds.
}
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("filters").addEventListener("input", () => seen.overview && show());
for (const head of document.querySelectorAll("[data-sort]")) {
  head.addEventListener("click", () => {
    seen.down = seen.sort === head.dataset.sort && !seen.down;
    seen.sort = head.dataset.sort;
    show();
  });
}
setInterval(() => {
  if (!document.hidden && !at("dialog").open) look();
}, EVERY);
open(decodeURIComponent(location.hash.slice(1)), false);
