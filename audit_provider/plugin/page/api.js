// What is asked of the JSON API.

export async function ask(path, body) {
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

export const pathOf = (pipeline, ...rest) => ["pipelines", pipeline, ...rest].map(encodeURIComponent).join("/");
