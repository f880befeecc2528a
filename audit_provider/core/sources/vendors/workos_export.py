"""WorkOS audit-log export. https://workos.com/docs/reference/audit-logs/export"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.export import ExportJob
from audit_provider.core.sources.reading.file_export import FileExport
from audit_provider.core.sources.spec import Errors, Probe, Request, Setting, SourceSpec

_CREATE = Request(
    "POST",
    "/audit_logs/exports",
    body={"organization_id": "{organization}", "range_start": "{start}", "range_end": "{end}"},
)

WORKOS_EXPORT = SourceSpec(
    name="workos_export",
    title="WorkOS audit logs (export)",
    docs="https://workos.com/docs/reference/audit-logs/export",
    base_url="https://api.workos.com",
    request=_CREATE,
    times="rfc3339_ms",
    reading=FileExport(),
    export=ExportJob(
        create=_CREATE,
        status=Request("GET", "/audit_logs/exports/{job}"),
        id_at="id",
        state_at="state",
        url_at="url",
        ready="ready",
        pending=("pending",),
    ),
    records_at="",
    fields=Fields(id="id", time="occurred_at", action="action", actor_id="actor_id", ip="context_location"),
    errors=Errors(message_at="message", code_at="code"),
    rate_limit=RateLimit(requests=60, per=60),
    lookback=timedelta(days=90),
    probe=Probe("/organizations/{organization}", shows=("name", "id")),
    settings={"organization": Setting("the organisation's id (org_…); one pipeline for each")},
    credential={"password": "environment secret key (`sk_…`)"},
    access="An environment's secret key (sk_) that may export audit logs, and the id of the organisation.",
    limits="Events of the past three months; kept 30 or 365 days, as set per organisation. A link lives 10 minutes.",
    confidence="Vendor documentation and SDK.",
    unconfirmed={
        "fields": "names of the file's columns; where they find nothing, rows are named by their content.",
        "rate_limit": "no figure is documented.",
        "probe": "that the organisation can be looked at with the same key.",
    },
)
