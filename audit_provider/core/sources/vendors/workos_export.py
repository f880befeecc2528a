"""WorkOS audit-log export. https://workos.com/docs/reference/audit-logs/export"""

from audit_provider.core.sources import vocabulary as v

_CREATE = v.Request(
    "POST",
    "/audit_logs/exports",
    body={"organization_id": "{organization}", "range_start": "{start}", "range_end": "{end}"},
)

WORKOS_EXPORT = v.SourceSpec(
    name="workos_export",
    title="WorkOS audit logs (export)",
    docs="https://workos.com/docs/reference/audit-logs/export",
    base_url="https://api.workos.com",
    page_url="https://dashboard.workos.com/environment/audit-logs",
    request=_CREATE,
    times="rfc3339_ms",
    reading=v.FileExport(),
    export=v.ExportJob(
        create=_CREATE,
        status=v.Request("GET", "/audit_logs/exports/{job}"),
        id_at="id",
        state_at="state",
        url_at="url",
        ready="ready",
        pending=("pending",),
    ),
    records_at="",
    fields=v.Fields(id="id", time="occurred_at", action="action", actor_id="actor_id", ip="context_location"),
    errors=v.Errors(message_at="message", code_at="code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    lookback=v.days(90),
    probe=v.Probe("/organizations/{organization}", shows=("name", "id")),
    settings={"organization": v.Setting("the organisation's id (org_…); one pipeline for each")},
    credential={"password": "environment secret key (`sk_…`)"},
    access="An environment's secret key (sk_) that may export audit logs, and the id of the organisation.",
    limits="Events of the past three months; kept 30 or 365 days, as set per organisation. A link lives 10 minutes.",
    confidence="Vendor documentation and SDK.",
    checked="2026-11-29",
    unconfirmed={
        "fields": "names of the file's columns; if they find nothing, a digest of the row is the id.",
        "rate_limit": "no figure is documented.",
        "probe": "that the organisation can be looked at with the same key.",
    },
)
