"""Cloudflare audit logs, version 2. https://github.com/cloudflare/cloudflare-python"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

CLOUDFLARE = SourceSpec(
    name="cloudflare",
    title="Cloudflare audit logs",
    docs="https://github.com/cloudflare/cloudflare-python",
    base_url="https://api.cloudflare.com",
    request=Request(
        "GET",
        "/client/v4/accounts/{account}/logs/audit",
        params={"since": "{start}", "before": "{end}", "limit": 1000},
    ),
    reading=ClosedWindows(),
    paging=CursorPaging(param="cursor", cursor_at="result_info.cursor"),
    records_at="result",
    fields=Fields(
        id="id",
        time="action.time",
        action="action.type",
        actor_id="actor.id",
        actor_email="actor.email",
        ip="actor.ip_address",
        object_type="resource.type",
        object_id="resource.id",
    ),
    errors=Errors(message_at="errors", ok_at="success"),
    rate_limit=RateLimit(requests=1200, per=300),
    page_size_key="limit",
    page_size_limit=1000,
    lookback=timedelta(days=30),
    settings={"account": Setting("the account's id")},
    credential={"password": "API token"},
    access="An API token that may read the account's audit logs.",
    limits="1,200 requests in 5 minutes.",
    confidence="The vendor's SDK, written from its specification; version 2 was a beta there.",
    unconfirmed={
        "lookback": "30 days stand in the text of the beta.",
        "rate_limit": "1,200 requests in 5 minutes are general knowledge.",
        "page_size_limit": "1,000 is general knowledge.",
        "access": "the name of the token's permission.",
    },
)
