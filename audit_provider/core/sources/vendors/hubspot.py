"""HubSpot audit logs. https://github.com/HubSpot/HubSpot-public-api-spec-collection"""

from __future__ import annotations

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

HUBSPOT = SourceSpec(
    name="hubspot",
    title="HubSpot audit logs",
    docs="https://github.com/HubSpot/HubSpot-public-api-spec-collection",
    base_url="https://api.hubapi.com",
    request=Request(
        "GET",
        "/account-info/v3/activity/audit-logs",
        params={"occurredAfter": "{start}", "occurredBefore": "{end}", "limit": 100},
    ),
    reading=ClosedWindows(),
    paging=CursorPaging(param="after", cursor_at="paging.next.after"),
    records_at="results",
    fields=Fields(
        id="id",
        time="occurredAt",
        action="action",
        actor_id="actingUser.userId",
        actor_email="actingUser.userEmail",
        object_type="category",
        object_id="targetObjectId",
    ),
    errors=Errors(message_at="message"),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="limit",
    page_size_limit=100,
    credential={"password": "access token of a private app"},
    access="An access token of a private app with the scope account-info.security.read, in an Enterprise account.",
    limits="Logins and security history are other lists.",
    confidence="Vendor specification, one connector's code.",
    unconfirmed={
        "request.path": "dated paths, such as /account-info/2026-03/activity/audit-logs, replace v3.",
        "page_size_limit": "100 or 200.",
        "rate_limit": "no figure is in the facts; a 429 is waited out.",
        "lookback": "no limit is in the facts.",
        "errors.message_at": "the form of an error's body.",
    },
)
