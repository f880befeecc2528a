// The data that the page keeps between two requests, and the functions that its parts call.

export const seen = {
  overview: null,
  tag: "", // of the answer that is shown, so that an unchanged answer is not sent again
  question: "", // the query that it answers
  answered: 0, // when it arrived, milliseconds
  failure: null, // why the last request failed
  stale: false, // whether the answer may be outdated
  paused: false,
  detail: null, // the opened pipeline
  runs: null, // its last runs
  calendar: null, // the state of its days
  stories: null, // the result of a search
  pack: null, // the result of making a pack
  category: "",
  day: -1,
  waiting: new Set(), // keys of buttons that wait for their answer
  results: new Map(), // results of buttons, by key, the newest first
};

// If an answer is stale, "ok" may no longer be true.
export const shown = (state) => (seen.stale && state === "ok" ? "stale" : state);

// look, show and renew: set by page.js, so that no part needs to import page.js.
export const commands = {};
