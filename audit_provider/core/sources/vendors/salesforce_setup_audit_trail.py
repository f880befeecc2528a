"""Salesforce setup audit trail.

https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-setupaudittrail.html
"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors import salesforce_event_log_files

_ROWS = (
    "SELECT Id, Action, Section, CreatedDate, CreatedById, CreatedBy.Username, CreatedByContext, CreatedByIssuer, "
    "Display, DelegateUser, ResponsibleNamespacePrefix FROM SetupAuditTrail "
    "WHERE CreatedDate >= {start} AND CreatedDate < {end} ORDER BY CreatedDate"
)

_FILES = salesforce_event_log_files.SALESFORCE_EVENT_LOG_FILES

SALESFORCE_SETUP_AUDIT_TRAIL = v.SourceSpec(
    name="salesforce_setup_audit_trail",
    title="Salesforce setup audit trail",
    docs="https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/"
    "object-setupaudittrail.html",
    base_url="",
    host_example="https://acme.my.salesforce.com",
    page_url="https://{host}/lightning/setup/SecurityEvents/home",
    request=v.Request("GET", "/services/data/v{version}/query", params={"q": _ROWS}),
    reading=v.ClosedWindows(),
    paging=_FILES.paging,
    records_at=_FILES.records_at,
    fields=v.Fields(
        id="Id",
        time="CreatedDate",
        action="Action",
        actor_id="CreatedById",
        actor_name="CreatedBy.Username",
        object_type="Section",
    ),
    auth=_FILES.auth,
    actions={"PermSetCreate": "access.update"},
    errors=v.replace(
        _FILES.errors,
        hints={
            **_FILES.errors.hints,
            "INVALID_TYPE": "the user may not see SetupAuditTrail: it needs 'View Setup and Configuration'.",
        },
    ),
    rate_limit=_FILES.rate_limit,
    lookback=v.days(180),
    settings={"version": _FILES.settings["version"]},
    credential=_FILES.credential,
    access="An external client app with the client credentials flow, whose run-as user has 'View Setup and "
    "Configuration' and 'API Enabled'.",
    limits="Changes in Setup, kept for 180 days. Only the fields that the query names are sent: all of the object's "
    "own, and the user name. The org's daily API quota applies.",
    confidence="Vendor documentation.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "the daily quota depends on the edition.",
        "actions": "the names of actions are not listed on the page; one is its example.",
        "access": "which permissions of the user are sufficient.",
    },
)
