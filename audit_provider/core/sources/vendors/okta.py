"""Okta System Log. https://github.com/okta/okta-management-openapi-spec"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.okta_actions import ACTIONS, WATCHED

_ASKED = {"since": "{start}", "sortOrder": "ASCENDING", "limit": 1000}
_BY_TIME = v.SourceSpec(
    name="okta",
    title="Okta System Log",
    docs="https://github.com/okta/okta-management-openapi-spec",
    base_url="",
    host_example="https://example.okta.com",
    request=v.Request("GET", "/api/v1/logs", params={**_ASKED, "until": "{end}"}),
    reading=v.ClosedWindows(),
    paging=v.LinkPaging(ends_when_empty=True),
    records_at="",
    auth=v.Header({"Authorization": "SSWS {password}"}),
    fields=v.Fields(
        id="uuid",
        time="published",
        action="eventType",
        actor_id="actor.id",
        actor_email="actor.alternateId",
        actor_name="actor.displayName",
        ip="client.ipAddress",
        user_agent="client.userAgent.rawUserAgent",
        outcome="outcome.result",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="errorSummary",
        code_at="errorCode",
        hints={"401": "put an API token in the password; it is sent as SSWS."},
    ),
    rate_limit=v.RateLimit(requests=50, per=60),
    page_size=v.PageSize("limit", 1000),
    lookback=v.days(90),
    credential={"password": "API token"},
    access="An API token of an administrator with permission to read the System Log.",
    limits="Polled without an upper bound, `since` is the time of storing; with one, the time of the event.",
    confidence="Vendor specification, two connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "90 days is not from documentation.",
        "rate_limit": "no figure was found; the task waits as `X-Rate-Limit-Reset` says.",
        "fields": "names of action, actor and address are partly not from documentation.",
    },
)

OKTA = v.replace(
    _BY_TIME, request=v.Request("GET", "/api/v1/logs", params=_ASKED), reading=v.TailCursor(), recovery=_BY_TIME
)
