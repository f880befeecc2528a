// What the page holds between two looks, and what its parts ask of it.

export const seen = {
  overview: null,
  open: "", // name of the pipeline that is opened
  detail: null,
  category: "",
  day: -1,
  sort: "state",
  down: false,
  acting: false, // whether a button waits for its answer
  told: null, // what came of the last button
};

// look, show, open and detail: set by page.js, so that no part needs to know the one that shows it.
export const commands = {};
