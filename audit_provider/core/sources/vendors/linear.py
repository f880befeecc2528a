"""Linear audit log. https://linear.app/docs/audit-log"""

from audit_provider.core.sources import vocabulary as v

_QUERY = """
query Audit($first: Int, $after: String, $filter: AuditEntryFilter) {
  auditEntries(first: $first, after: $after, filter: $filter) {
    nodes {
      id createdAt updatedAt type ip countryCode metadata requestInformation actorId actor { id name email }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

LINEAR = v.SourceSpec(
    name="linear",
    title="Linear audit log",
    docs="https://linear.app/docs/audit-log",
    base_url="https://api.linear.app",
    request=v.Request(
        "POST",
        "/graphql",
        body={"query": _QUERY, "variables": {"first": 100, "filter": {"createdAt": {"gte": "{start}", "lt": "{end}"}}}},
    ),
    times="rfc3339_ms",
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(
        param="variables.after",
        cursor_at="data.auditEntries.pageInfo.endCursor",
        more_at="data.auditEntries.pageInfo.hasNextPage",
        sent_in="body",
    ),
    records_at="data.auditEntries.nodes",
    fields=v.Fields(
        id="id", time="createdAt", action="type", actor_id="actor.id | actorId", actor_email="actor.email", ip="ip"
    ),
    auth=v.Header({"Authorization": "{password}"}),
    errors=v.Errors(message_at="errors", code_at="errors.0.extensions.code", slow_codes=("RATELIMITED",)),
    rate_limit=v.RateLimit(requests=20, per=60),
    page_size=v.PageSize("first", 250),
    lookback=v.days(90),
    credential={"password": "API key, or `Bearer …` for an OAuth token"},
    access="An API key of a workspace admin.",
    limits="Only the fields that the query names are sent: all of an entry's own. Entries are kept for 90 days; a "
    "query's complexity is limited, so pages are of 100 by default.",
    confidence="Vendor documentation and SDK.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "a low value to be safe; after an answer with the code RATELIMITED, the task waits as its "
        "headers say.",
        "errors": "that too many requests are answered by a 400 with that code.",
    },
)
