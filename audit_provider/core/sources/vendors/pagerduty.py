"""PagerDuty audit records. https://github.com/PagerDuty/api-schema"""

from audit_provider.core.sources import vocabulary as v

PAGERDUTY = v.SourceSpec(
    name="pagerduty",
    title="PagerDuty audit records",
    docs="https://github.com/PagerDuty/api-schema",
    base_url="https://api.pagerduty.com",
    regions={"eu": "https://api.eu.pagerduty.com"},
    request=v.Request(
        "GET",
        "/audit/records",
        params={"since": "{start}", "until": "{end}", "limit": 100},
        headers={"Accept": "application/vnd.pagerduty+json;version=2"},
    ),
    reading=v.ClosedWindows(max_width=v.days(30)),
    paging=v.CursorPaging(param="cursor", cursor_at="next_cursor"),
    records_at="records",
    auth=v.Header({"Authorization": "Token token={password}"}),
    fields=v.Fields(
        id="id",
        time="execution_time",
        action="action",
        ip="execution_context.remote_address",
        object_type="root_resource.type",
        object_id="root_resource.id",
    ),
    errors=v.Errors(message_at="error"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 100),
    kept_shorter=(v.KeptShorter(v.days(365), "audit records"),),
    credential={"password": "REST API key"},
    access="A REST API key of an admin or account owner, or a token with the scope audit_records.read, on a plan with "
    "the Audit Trail.",
    limits="31 days a query. The actor is in the list `actors`, which may be null.",
    confidence="Vendor specification, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "page_size.most": "no largest size is documented; 100 is an assumption.",
        "rate_limit": "no figure was found; after a 429, the task waits.",
        "kept_shorter": "12 months by a connector's account; what is older is asked for all the same.",
        "errors.message_at": "the form of an error's body.",
    },
)
