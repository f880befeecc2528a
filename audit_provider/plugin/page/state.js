// What the page holds between two looks, and what its parts ask of it.

export const seen = {
  overview: null,
  tag: "", // names the answer that is shown, so that the same one need not be sent again
  question: "", // what it answers
  answered: 0, // when it came, milliseconds
  failure: null, // why the last look brought nothing
  stale: false, // whether what is shown may be no longer true
  paused: false,
  detail: null, // the opened pipeline
  runs: null, // its last runs
  calendar: null, // what is proven of its days
  stories: null, // what a search has found
  pack: null, // what came of making a pack
  category: "",
  day: -1,
  waiting: new Set(), // keys of buttons that wait for their answer
  results: new Map(), // what came of buttons, by key, the newest first
};

// What was fine when it was seen last is not known to be so now.
export const shown = (state) => (seen.stale && state === "ok" ? "stale" : state);

// look, show and renew: set by page.js, so that no part needs to know the one that shows it.
export const commands = {};
