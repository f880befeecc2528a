"""Asana audit log. https://github.com/Asana/openapi"""

from audit_provider.core.sources import vocabulary as v

_PATH = "/api/1.0/workspaces/{workspace}/audit_log_events"
_ASKED = {"start_at": "{start}", "limit": 100}
_BY_TIME = v.SourceSpec(
    name="asana",
    title="Asana audit log",
    docs="https://github.com/Asana/openapi",
    base_url="https://app.asana.com",
    request=v.Request("GET", _PATH, params={**_ASKED, "end_at": "{end}"}),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="offset", cursor_at="next_page.offset", ends_when_empty=True),
    records_at="data",
    fields=v.Fields(
        id="gid",
        time="created_at",
        action="event_type",
        actor_id="actor.gid",
        actor_email="actor.email",
        ip="context.client_ip_address",
        object_type="resource.resource_type",
        object_id="resource.gid",
    ),
    errors=v.Errors(
        message_at="errors",
        hints={"401": "put a service account's token in the password; personal tokens are not accepted."},
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 100),
    lookback=v.days(90),
    settings={"workspace": v.Setting("the workspace's or organisation's gid")},
    credential={"password": "token of a service account"},
    access="A token of a service account, of an organisation on the Enterprise plan.",
    limits="Events are kept 90 days, from 8 October 2021 on.",
    confidence="Vendor specification, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "errors.message_at": "the form of an error's body.",
        "fields.object_type": "names inside `resource`.",
        "fields.object_id": "names inside `resource`.",
    },
)

ASANA = v.replace(_BY_TIME, request=v.Request("GET", _PATH, params=_ASKED), reading=v.TailCursor(), recovery=_BY_TIME)
