"""Linear audit log. https://linear.app/docs/audit-log"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.auth import Header
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

_QUERY = """
query Audit($first: Int, $after: String, $filter: AuditEntryFilter) {
  auditEntries(first: $first, after: $after, filter: $filter) {
    nodes { id createdAt type ip countryCode metadata actor { id name email } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

LINEAR = SourceSpec(
    name="linear",
    title="Linear audit log",
    docs="https://linear.app/docs/audit-log",
    base_url="https://api.linear.app",
    request=Request(
        "POST",
        "/graphql",
        body={
            "query": _QUERY,
            "variables": {"first": 100, "filter": {"createdAt": {"gte": "{start}", "lt": "{end}"}}},
        },
    ),
    times="rfc3339_ms",
    reading=ClosedWindows(),
    paging=CursorPaging(
        param="variables.after",
        cursor_at="data.auditEntries.pageInfo.endCursor",
        more_at="data.auditEntries.pageInfo.hasNextPage",
        sent_in="body",
    ),
    records_at="data.auditEntries.nodes",
    fields=Fields(id="id", time="createdAt", action="type", actor_id="actor.id", actor_email="actor.email", ip="ip"),
    auth=Header({"Authorization": "{password}"}),
    errors=Errors(message_at="errors", code_at="errors.0.extensions.code", slow_codes=("RATELIMITED",)),
    rate_limit=RateLimit(requests=20, per=60),
    page_size_key="first",
    page_size_limit=250,
    lookback=timedelta(days=90),
    credential={"password": "API key, or `Bearer …` for an OAuth token"},
    access="An API key of a workspace admin.",
    limits="Entries are kept for 90 days; a query's complexity is limited, so pages are of 100 by default.",
    confidence="Vendor documentation and code.",
    unconfirmed={
        "rate_limit": "a careful value; an answer with the code RATELIMITED is waited out.",
        "errors": "that too many requests are answered by a 400 with that code.",
    },
)
