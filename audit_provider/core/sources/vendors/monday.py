"""monday.com audit log. https://developer.monday.com/api-reference/reference/audit-logs"""

from audit_provider.core.sources import vocabulary as v

_QUERY = """
query Audit($start: ISO8601DateTime, $end: ISO8601DateTime, $limit: Int, $page: Int) {
  audit_logs(start_time: $start, end_time: $end, limit: $limit, page: $page) {
    logs { timestamp event user_agent ip_address user { id name email } }
    pagination { has_more_pages next_page_number }
  }
}
"""

MONDAY = v.SourceSpec(
    name="monday",
    title="monday.com audit log",
    docs="https://developer.monday.com/api-reference/reference/audit-logs",
    base_url="https://api.monday.com",
    request=v.Request(
        "POST",
        "/v2",
        body={"query": _QUERY, "variables": {"start": "{start}", "end": "{end}", "limit": 100, "page": 1}},
    ),
    reading=v.ClosedWindows(),
    paging=v.PagePaging(param="variables.page", more_at="data.audit_logs.pagination.has_more_pages", sent_in="body"),
    records_at="data.audit_logs.logs",
    fields=v.Fields(
        id="",
        time="timestamp",
        action="event",
        actor_id="user.id",
        actor_email="user.email",
        actor_name="user.name",
        ip="ip_address",
        user_agent="user_agent",
    ),
    auth=v.Header({"Authorization": "{password}"}),
    actions={"login": "authentication.login", "logout": "authentication.logout"},
    errors=v.Errors(
        message_at="errors",
        code_at="errors.0.extensions.code",
        slow_codes=("RATE_LIMIT_EXCEEDED", "COMPLEXITY_BUDGET_EXHAUSTED"),
    ),
    rate_limit=v.RateLimit(requests=30, per=60),
    page_size=v.PageSize("limit", 100),
    credential={"password": "API token"},
    access="An API token of an account admin with the permission manage_account_security, on the Enterprise plan.",
    limits="Entries have no id. Only the fields that the query names are sent: those of the vendor's example.",
    confidence="Vendor documentation.",
    checked="2026-11-29",
    unconfirmed={
        "request.body": "names and types of `start_time`, `end_time` and `page` are not in the part that was read.",
        "page_size.most": "100 is in the example.",
        "actions": "two names are in the example; the query `audit_event_catalogue` lists all.",
        "rate_limit": "a low value to be safe; after a 429, the task waits.",
        "errors": "codes of too many requests.",
    },
)
