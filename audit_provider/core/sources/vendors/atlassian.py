"""Atlassian organisation events. https://developer.atlassian.com/cloud/admin/organization/rest/api-group-events/"""

from audit_provider.core.sources import vocabulary as v

_UNCONFIRMED = {
    "lookback": "no limit was found.",
    "fields": "names of action, actor and address are partly not from documentation.",
}

ATLASSIAN = v.SourceSpec(
    name="atlassian",
    title="Atlassian organisation events",
    docs="https://developer.atlassian.com/cloud/admin/organization/rest/api-group-events/",
    base_url="https://api.atlassian.com",
    page_url="https://admin.atlassian.com/o/{organization}/audit-log",
    request=v.Request("GET", "/admin/v1/orgs/{organization}/events", params={"from": "{start}", "to": "{end}"}),
    times="epoch_ms",
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="cursor", cursor_at="meta.next"),
    records_at="data",
    fields=v.Fields(
        id="id",
        time="attributes.time",
        action="attributes.action",
        actor_id="attributes.actor.id",
        actor_email="attributes.actor.email",
        ip="attributes.location.ip",
    ),
    errors=v.Errors(
        message_at="errors",
        hints={"401": "put an API key of the organisation in the password; OAuth tokens are not accepted."},
    ),
    rate_limit=v.RateLimit(requests=10, per=60),
    settings={"organization": v.Setting("the organisation's id, as in the address of its administration")},
    credential={"password": "API key of the organisation"},
    access="An API key of the organisation (Atlassian Administration > Settings > API keys), made by an organisation "
    "admin.",
    limits="10 requests a minute per user and path. The vendor asks pollers to use `atlassian_stream` instead.",
    confidence="Vendor documentation, one connector's code.",
    checked="2026-11-29",
    unconfirmed=_UNCONFIRMED | {"page_size": "the largest `limit` is not documented, so none is sent."},
)

_STREAM_PATH = "/admin/v1/orgs/{organization}/events-stream"
_STREAM_BY_TIME = v.replace(
    ATLASSIAN,
    name="atlassian_stream",
    title="Atlassian organisation events, as a stream",
    request=v.Request("GET", _STREAM_PATH, params={"from": "{start}", "to": "{end}"}),
    paging=v.CursorPaging(param="cursor", cursor_at="meta.next", ends_when_empty=True),
    limits="Events come in the order of their processing.",
    confidence="Vendor documentation names the endpoint; parameters and order from its migration guide and a client.",
    checked="2026-11-29",
    unconfirmed=_UNCONFIRMED
    | {
        "rate_limit": "described as higher than that of /events; no figure is documented.",
        "paging": "as in /events; the cursor of the last page is documented to find new events later.",
        "page_size": "the largest `limit` is not documented, so none is sent.",
        "request.params": "`from` is sent with the cursor too, as /events needs it.",
        "reading": "documented oldest first by time of processing.",
    },
)

ATLASSIAN_STREAM = v.replace(
    _STREAM_BY_TIME,
    request=v.Request("GET", _STREAM_PATH, params={"from": "{start}"}),
    reading=v.TailCursor(),
    recovery=_STREAM_BY_TIME,
)
