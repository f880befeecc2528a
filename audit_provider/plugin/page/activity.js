// Activity by category and day, and below it the actions of the chosen day and category.

import { bars } from "./bars.js";
import { at, cells, count, listed, make } from "./dom.js";
import { commands, seen } from "./state.js";
import { number } from "./words.js";

const DAY = 86400000; // milliseconds

const dayOf = (activity, place) =>
  new Date(Date.parse(activity.first_day) + place * DAY).toISOString().slice(0, 10);

// Draw again with another choice, and keep the focus.
function choose(what, id) {
  Object.assign(seen, what);
  commands.show();
  at(id)?.focus();
}

export function activityChart(activity) {
  if (!activity?.first_day) return [make("p", { class: "faint" }, "No report yet.")];
  const categories = Object.keys(activity.days);
  const length = Math.max(0, ...categories.map((each) => activity.days[each].length));
  const band = !seen.category && activity.high.length > 0 ? { low: activity.low, high: activity.high } : null;
  const series = categories
    .map((each, place) => ({ name: each, values: activity.days[each], colour: `c${place % 10}` }))
    .filter((each) => !seen.category || each.name === seen.category);
  const day = (place, total) => {
    const usual = band ? `, usual ${number(band.low[place] ?? 0)} to ${number(band.high[place] ?? 0)}` : "";
    const toggle = () => choose({ day: seen.day === place ? -1 : place }, `day-${place}`);
    return {
      id: `day-${place}`,
      class: seen.day === place ? "day chosen" : "day",
      tabindex: 0,
      role: "button",
      "aria-label": `${dayOf(activity, place)}: ${number(total)} events${usual}`,
      "aria-pressed": String(seen.day === place),
      onclick: toggle,
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        toggle();
      },
    };
  };
  const legend = categories.map((each, place) =>
    make(
      "button",
      {
        type: "button",
        id: `category-${place}`,
        "aria-pressed": String(seen.category === each),
        onclick: () => choose({ category: seen.category === each ? "" : each }, `category-${place}`),
      },
      make("i", { class: `c${place % 10}` }),
      each,
    ),
  );
  return [
    bars({
      labels: Array.from({ length }, (_, place) => dayOf(activity, place).slice(5)),
      series,
      band,
      about: "events by day; the dashed band is what is usual",
      role: "group",
      bar: day,
    }),
    make(
      "div",
      { class: "row legend" },
      ...legend,
      band ? make("span", {}, make("i", { class: "band-key" }), "usual range") : "",
      make("span", { class: "faint" }, "The last day is not over."),
    ),
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
  const day = seen.day < 0 ? "all days shown" : dayOf(activity, seen.day);
  const rows = chosen.map((each) =>
    cells(make("th", { scope: "row" }, make("code", {}, each.action)), each.category, count(sum(each))),
  );
  const unknown = activity.unknown_actions.length
    ? make("p", { class: "faint" }, `Unclassified actions: ${activity.unknown_actions.join(", ")}`)
    : "";
  return [
    make("h3", {}, `Actions: ${seen.category || "every category"}, ${day}`),
    listed(["Action", "Category", "#Events"], rows, "none", "Actions"),
    unknown,
  ];
}
