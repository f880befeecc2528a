"""Miro audit logs. https://github.com/miroapp/api-clients"""

from audit_provider.core.sources import vocabulary as v

MIRO = v.SourceSpec(
    name="miro",
    title="Miro audit logs",
    docs="https://github.com/miroapp/api-clients",
    base_url="https://api.miro.com",
    request=v.Request(
        "GET", "/v2/audit/logs", params={"createdAfter": "{start}", "createdBefore": "{end}", "limit": 100}
    ),
    times="rfc3339_ms",
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="cursor", cursor_at="cursor"),
    records_at="data",
    fields=v.Fields(
        id="id",
        time="createdAt",
        action="event",
        actor_id="createdBy.id",
        actor_email="createdBy.email",
        ip="context.ip",
    ),
    errors=v.Errors(message_at="message", code_at="code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 100),
    lookback=v.days(90),
    credential={"password": "OAuth access token"},
    access="An OAuth access token with the scope auditlogs:read, of an app installed in an organisation on Enterprise.",
    limits="Requests count as Level 2 of Miro's rate limits.",
    confidence="The vendor's SDK, written from its specification.",
    checked="2026-11-29",
    unconfirmed={
        "page_size.most": "100 is the documented default; a largest size is not stated.",
        "rate_limit": "Level 2 is documented, its figure is not in the facts.",
        "errors.message_at": "the form of an error's body.",
        "errors.code_at": "the form of an error's body.",
    },
)
