"""Airtable audit log events. https://airtable.com/developers/web/api/audit-log-events"""

from audit_provider.core.sources import vocabulary as v

AIRTABLE = v.SourceSpec(
    name="airtable",
    title="Airtable audit log events",
    docs="https://airtable.com/developers/web/api/audit-log-events",
    base_url="https://api.airtable.com",
    request=v.Request(
        "GET",
        "/v0/meta/enterpriseAccounts/{enterprise_account}/auditLogEvents",
        params={"startTime": "{start}", "endTime": "{end}", "sortOrder": "ascending", "pageSize": 100},
    ),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="next", cursor_at="pagination.next", ends_when_empty=True),
    records_at="events",
    fields=v.Fields(
        id="id",
        time="timestamp",
        action="action",
        actor_id="actor.user.id",
        actor_email="actor.user.email",
        ip="origin.ipAddress",
        user_agent="origin.userAgent",
        object_type="modelType",
        object_id="modelId",
    ),
    errors=v.Errors(message_at="error", code_at="error.type"),
    rate_limit=v.RateLimit(requests=5, per=1),
    page_size=v.PageSize("pageSize", 100),
    lookback=v.days(180),
    settings={"enterprise_account": v.Setting("the enterprise account's id (`ent…`)")},
    credential={"password": "personal access token"},
    access="A token of an enterprise admin with the scope enterprise.auditLogs:read (Enterprise Scale plan).",
    limits="100 events a page. Events are kept for 180 days.",
    confidence="The client that most people use, pyairtable 3.5.1.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "180 days; seen in a third party's description only.",
        "rate_limit": "5 requests a second.",
        "errors": "names of the error's fields.",
    },
)
