"""Airtable audit log events. https://airtable.com/developers/web/api/audit-log-events"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

AIRTABLE = SourceSpec(
    name="airtable",
    title="Airtable audit log events",
    docs="https://airtable.com/developers/web/api/audit-log-events",
    base_url="https://api.airtable.com",
    request=Request(
        "GET",
        "/v0/meta/enterpriseAccounts/{enterprise_account}/auditLogEvents",
        params={"startTime": "{start}", "endTime": "{end}", "sortOrder": "asc", "pageSize": 100},
    ),
    reading=ClosedWindows(),
    paging=CursorPaging(param="next", cursor_at="pagination.next"),
    records_at="events",
    fields=Fields(
        id="id",
        time="timestamp",
        action="action",
        actor_id="actor.user.id",
        actor_email="actor.user.email",
        ip="context.ipAddress",
        object_type="modelType",
        object_id="modelId",
    ),
    errors=Errors(message_at="error", code_at="error.type"),
    rate_limit=RateLimit(requests=5, per=1),
    page_size_key="pageSize",
    page_size_limit=1000,
    lookback=timedelta(days=180),
    settings={"enterprise_account": Setting("the enterprise account's id (`ent…`)")},
    credential={"password": "personal access token"},
    access="A token of an enterprise admin with the scope enterprise.auditLogs:read (Enterprise Scale plan).",
    limits="Events are kept for 180 days.",
    confidence="A third party's description of the API.",
    unconfirmed={
        "paging.param": "`next`; a third party's description calls it `cursor`.",
        "page_size_key": "seen in a third party's description only, as is the largest size of 1000.",
        "rate_limit": "5 requests a second.",
        "fields": "seen in a third party's description only; actor and address differ between descriptions.",
        "errors": "names of the error's fields.",
    },
)
