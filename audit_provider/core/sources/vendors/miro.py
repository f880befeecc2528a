"""Miro audit logs. https://github.com/miroapp/api-clients"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

MIRO = SourceSpec(
    name="miro",
    title="Miro audit logs",
    docs="https://github.com/miroapp/api-clients",
    base_url="https://api.miro.com",
    request=Request(
        "GET", "/v2/audit/logs", params={"createdAfter": "{start}", "createdBefore": "{end}", "limit": 100}
    ),
    times="rfc3339_ms",
    reading=ClosedWindows(),
    paging=CursorPaging(param="cursor", cursor_at="cursor"),
    records_at="data",
    fields=Fields(
        id="id",
        time="createdAt",
        action="event",
        actor_id="createdBy.id",
        actor_email="createdBy.email",
        ip="context.ip",
    ),
    errors=Errors(message_at="message", code_at="code"),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="limit",
    page_size_limit=100,
    lookback=timedelta(days=90),
    credential={"password": "OAuth access token"},
    access="An OAuth access token with the scope auditlogs:read, of an app installed in an organisation on Enterprise.",
    limits="Requests count as Level 2 of Miro's rate limits.",
    confidence="The vendor's SDK, written from its specification.",
    unconfirmed={
        "page_size_limit": "100 is general knowledge.",
        "rate_limit": "Level 2 is documented, its figure is not in the facts.",
        "errors.message_at": "the form of an error's body.",
        "errors.code_at": "the form of an error's body.",
    },
)
