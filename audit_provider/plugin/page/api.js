// Requests to the JSON API, and the reasons for which a request may fail.

const PATIENCE = 60000; // milliseconds

// login: whether a login would help.
export class Failure extends Error {
  constructor(message, { login = false } = {}) {
    super(message);
    this.login = login;
  }
}

// tag: the ETag of the answer that the page has. Without a body, returns { same: true } if that answer is still valid,
// and { body, tag } otherwise. With a body, returns the answer.
export async function ask(path, body, tag = "") {
  const options = {
    headers: { Accept: "application/json", "X-Audit-Logs": "page" },
    credentials: "same-origin",
    signal: AbortSignal.timeout(PATIENCE),
  };
  if (tag) options.headers["If-None-Match"] = tag;
  const changes = body !== undefined;
  if (changes) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  // A person who pressed a button must know that the action may have been done in spite of the error.
  const perhaps = changes ? " Whether it was done is not known: look before you press again." : "";
  let answer;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch (error) {
    if (error.name === "TimeoutError") throw new Failure(`Airflow has not answered within a minute.${perhaps}`);
    throw new Failure(`Airflow cannot be reached: see whether it runs, and the network.${perhaps}`);
  }
  if (answer.status === 304) return { same: true };
  const said = await answer.json().catch(() => null);
  if (answer.ok && said !== null) return changes ? said : { body: said, tag: answer.headers.get("ETag") ?? "" };
  if (answer.ok || said === null) {
    if (answer.status < 400)
      throw new Failure("A web page came in place of figures, perhaps a proxy's login: log in again.", { login: true });
  }
  if (answer.status === 401) throw new Failure("Your session has ended.", { login: true });
  if (answer.status === 403) throw new Failure(refused(changes, said));
  if (typeof said?.detail === "string") throw new Failure(said.detail);
  throw new Failure(`Airflow answered ${answer.status}: see the log of its API server.${perhaps}`);
}

function refused(changes, said) {
  const why = typeof said?.detail === "string" && said.detail !== "Forbidden" ? ` (${said.detail})` : "";
  return changes
    ? `Your role may not do this${why}: the documentation says which permission it needs.`
    : `Your role may not read this${why}: ask an Airflow administrator for "Variables: read".`;
}

// Returns a file that is made on demand, and its name.
export async function file(path, body) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Audit-Logs": "page" },
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
      body: JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "TimeoutError") throw new Failure("Airflow has not answered within a minute.");
    throw new Failure("Airflow cannot be reached: see whether it runs, and the network.");
  }
  if (answer.ok) {
    const called = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "evidence.zip";
    return { content: await answer.blob(), called };
  }
  const said = await answer.json().catch(() => null);
  if (answer.status === 403) throw new Failure(refused(false, said));
  throw new Failure(typeof said?.detail === "string" ? said.detail : `Airflow answered ${answer.status}: see the log of its API server.`);
}

export const pathOf = (pipeline, ...rest) => ["pipelines", pipeline, ...rest].map(encodeURIComponent).join("/");
