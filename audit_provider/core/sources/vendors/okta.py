"""Okta System Log. https://github.com/okta/okta-management-openapi-spec"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from audit_provider.core.auth import Header
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import LinkPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.reading.tail_cursor import TailCursor
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

_ASKED = {"since": "{start}", "sortOrder": "ASCENDING", "limit": 1000}
_BY_TIME = SourceSpec(
    name="okta",
    title="Okta System Log",
    docs="https://github.com/okta/okta-management-openapi-spec",
    base_url="",
    host_example="https://example.okta.com",
    request=Request("GET", "/api/v1/logs", params={**_ASKED, "until": "{end}"}),
    reading=ClosedWindows(),
    paging=LinkPaging(ends_when_empty=True),
    records_at="",
    auth=Header({"Authorization": "SSWS {password}"}),
    fields=Fields(
        id="uuid", time="published", action="eventType", actor_email="actor.alternateId", ip="client.ipAddress"
    ),
    errors=Errors(
        message_at="errorSummary",
        code_at="errorCode",
        hints={"401": "put an API token in the password; it is sent as SSWS."},
    ),
    rate_limit=RateLimit(requests=50, per=60),
    page_size_key="limit",
    page_size_limit=1000,
    lookback=timedelta(days=90),
    credential={"password": "API token"},
    access="An API token of an administrator who may read the System Log.",
    limits="Polled without an upper bound, `since` is the time of storing; with one, the time of the event.",
    confidence="Vendor specification, two connectors' code.",
    unconfirmed={
        "lookback": "90 days is general knowledge.",
        "rate_limit": "no figure is in the facts; X-Rate-Limit-Reset is waited for.",
        "fields": "names of action, actor and address are partly general knowledge.",
    },
)

OKTA = replace(_BY_TIME, request=Request("GET", "/api/v1/logs", params=_ASKED), reading=TailCursor(), recovery=_BY_TIME)
