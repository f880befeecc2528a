// What the page holds between two looks, and what its parts ask of it.

export const seen = {
  overview: null,
  answered: 0, // when it came, milliseconds
  failure: null, // why the last look brought nothing
  stale: false, // whether what is shown may be no longer true
  open: "", // name of the pipeline that is opened
  detail: null,
  category: "",
  day: -1,
  sort: "state",
  down: false,
  acting: false, // whether a button waits for its answer
  told: null, // what came of the last button
};

// What was fine when it was seen last is not known to be so now.
export const shown = (state) => (seen.stale && state === "ok" ? "stale" : state);

// look, show, open and detail: set by page.js, so that no part needs to know the one that shows it.
export const commands = {};
