// The time zone chosen in Airflow, which stores it where all of its pages can read it.

const KEY = "timezone";

let known = null;

function chosen() {
  const stored = localStorage.getItem(KEY);
  if (!stored) return "UTC";
  try {
    return JSON.parse(stored);
  } catch {
    return stored;
  }
}

export function zone() {
  const wanted = chosen();
  if (known?.wanted === wanted) return known;
  let timeZone = wanted;
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    timeZone = "UTC"; // the browser does not know the zone
  }
  // The Swedish format of a time is that of ISO 8601.
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  const named = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "short" });
  const name = (at) => named.formatToParts(at).find((each) => each.type === "timeZoneName").value;
  known = { wanted, format, name };
  return known;
}

export function followZone(again) {
  window.addEventListener("storage", (event) => event.key === KEY && again());
}
