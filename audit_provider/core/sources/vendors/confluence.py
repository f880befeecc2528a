"""Confluence audit log. https://github.com/criblio/collector-templates/tree/main/collectors/rest/atlassian"""

from __future__ import annotations

from audit_provider.core.auth import Basic
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import OffsetPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

CONFLUENCE = SourceSpec(
    name="confluence",
    title="Confluence audit log",
    docs="https://github.com/criblio/collector-templates/tree/main/collectors/rest/atlassian",
    base_url="",
    host_example="https://example.atlassian.net",
    request=Request("GET", "/wiki/rest/api/audit", params={"startDate": "{start}", "endDate": "{end}", "limit": 1000}),
    times="epoch_ms",
    reading=ClosedWindows(),
    paging=OffsetPaging(param="start"),
    records_at="results",
    fields=Fields(
        id="",
        time="creationDate",
        action="summary",
        actor_id="author.accountId",
        ip="remoteAddress",
        object_type="affectedObject.objectType",
    ),
    auth=Basic(),
    errors=Errors(
        message_at="message", hints={"403": "the user of the API token must be an administrator of Confluence."}
    ),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="limit",
    page_size_limit=1000,
    credential={"login": "e-mail address", "password": "API token"},
    access="An API token of a Confluence administrator; the login is the user's e-mail address.",
    limits="Records have no id. How long they are kept is a setting of the site.",
    confidence="A connector's template.",
    unconfirmed={
        "paging": "`_links.next` is relative to a place that is not stated, so pages are asked for by `start`.",
        "lookback": "how long records are kept.",
        "rate_limit": "a careful value; a 429 with Retry-After is waited out.",
        "fields": "partly general knowledge.",
        "errors": "names of the error's fields.",
    },
)
