"""Atlassian organisation events. https://developer.atlassian.com/cloud/admin/organization/rest/api-group-events/"""

from __future__ import annotations

from dataclasses import replace

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

_UNCONFIRMED = {
    "lookback": "no limit is in the facts.",
    "fields": "names of action, actor and address are partly general knowledge.",
}

ATLASSIAN = SourceSpec(
    name="atlassian",
    title="Atlassian organisation events",
    docs="https://developer.atlassian.com/cloud/admin/organization/rest/api-group-events/",
    base_url="https://api.atlassian.com",
    request=Request("GET", "/admin/v1/orgs/{organization}/events", params={"from": "{start}", "to": "{end}"}),
    times="epoch_ms",
    reading=ClosedWindows(),
    paging=CursorPaging(param="cursor", cursor_at="meta.next"),
    records_at="data",
    fields=Fields(
        id="id",
        time="attributes.time",
        action="attributes.action",
        actor_id="attributes.actor.id",
        actor_email="attributes.actor.email",
        ip="attributes.location.ip",
    ),
    errors=Errors(
        message_at="errors",
        hints={"401": "put an API key of the organisation in the password; OAuth tokens are not accepted."},
    ),
    rate_limit=RateLimit(requests=10, per=60),
    settings={"organization": Setting("the organisation's id, as in the address of its administration")},
    credential={"password": "API key of the organisation"},
    access="An API key of the organisation (Atlassian Administration > Settings > API keys), made by an organisation "
    "admin.",
    limits="10 requests a minute per user and path. The vendor asks pollers to use `atlassian_stream` instead.",
    confidence="Vendor documentation, one connector's code.",
    unconfirmed=_UNCONFIRMED | {"page_size_key": "the largest `limit` is not documented, so none is sent."},
)

_STREAM_PATH = "/admin/v1/orgs/{organization}/events-stream"
_STREAM_BY_TIME = replace(
    ATLASSIAN,
    name="atlassian_stream",
    title="Atlassian organisation events, as a stream",
    request=Request("GET", _STREAM_PATH, params={"from": "{start}", "to": "{end}"}),
    paging=CursorPaging(param="cursor", cursor_at="meta.next", ends_when_empty=True),
    limits="Events come in the order of their processing.",
    confidence="Vendor documentation names the endpoint; parameters and order from its migration guide and a client.",
    unconfirmed=_UNCONFIRMED
    | {
        "rate_limit": "said to be higher than that of /events; no figure is documented.",
        "paging": "as in /events; the cursor of the last page is documented to find new events later.",
        "page_size_key": "the largest `limit` is not documented, so none is sent.",
        "request.params": "`from` is sent with the cursor too, as /events needs it.",
        "reading": "documented oldest first by time of processing.",
    },
)

ATLASSIAN_STREAM = replace(
    _STREAM_BY_TIME,
    request=Request("GET", _STREAM_PATH, params={"from": "{start}"}),
    reading=TailCursor(),
    recovery=_STREAM_BY_TIME,
)
