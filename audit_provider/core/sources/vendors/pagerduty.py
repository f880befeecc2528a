"""PagerDuty audit records. https://github.com/PagerDuty/api-schema"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.auth import Header
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import CursorPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

PAGERDUTY = SourceSpec(
    name="pagerduty",
    title="PagerDuty audit records",
    docs="https://github.com/PagerDuty/api-schema",
    base_url="https://api.pagerduty.com",
    request=Request(
        "GET",
        "/audit/records",
        params={"since": "{start}", "until": "{end}", "limit": 100},
        headers={"Accept": "application/vnd.pagerduty+json;version=2"},
    ),
    reading=ClosedWindows(max_width=timedelta(days=30)),
    paging=CursorPaging(param="cursor", cursor_at="next_cursor"),
    records_at="records",
    auth=Header({"Authorization": "Token token={password}"}),
    fields=Fields(
        id="id",
        time="execution_time",
        action="action",
        ip="execution_context.remote_address",
        object_type="root_resource.type",
        object_id="root_resource.id",
    ),
    errors=Errors(message_at="error"),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="limit",
    page_size_limit=100,
    credential={"password": "REST API key"},
    access="A REST API key of an admin or account owner, on a plan with the Audit Trail.",
    limits="31 days a query. Who acted stands in the list `actors`, which may be null.",
    confidence="Vendor specification, one connector's code.",
    unconfirmed={
        "page_size_limit": "100 is general knowledge.",
        "rate_limit": "no figure is in the facts; a 429 is waited out.",
        "lookback": "no limit is stated.",
        "errors.message_at": "the form of an error's body.",
    },
)
