"""Salesforce setup audit trail.

https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-setupaudittrail.html
"""

from audit_provider.core.sources import vocabulary as v

_ROWS = (
    "SELECT Id, Action, Section, CreatedDate, CreatedById, CreatedBy.Username, CreatedByContext, CreatedByIssuer, "
    "Display, DelegateUser, ResponsibleNamespacePrefix FROM SetupAuditTrail "
    "WHERE CreatedDate >= {start} AND CreatedDate < {end} ORDER BY CreatedDate"
)

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
    paging=v.NextUrlPaging(url_at="nextRecordsUrl"),
    records_at="records",
    fields=v.Fields(
        id="Id",
        time="CreatedDate",
        action="Action",
        actor_id="CreatedById",
        actor_name="CreatedBy.Username",
        object_type="Section",
    ),
    auth=v.Token(url="/services/oauth2/token", client="fields"),
    actions={"PermSetCreate": "access.update"},
    errors=v.Errors(
        message_at="message",
        code_at="errorCode",
        slow_codes=("REQUEST_LIMIT_EXCEEDED",),
        slow_wait=v.hours(1),  # the limit is of 24 hours, of which the oldest are freed as time passes
        hints={
            "INVALID_TYPE": "the user may not see SetupAuditTrail: it needs 'View Setup and Configuration'.",
            "INVALID_SESSION_ID": "the app's token is not accepted: check its run-as user.",
        },
    ),
    rate_limit=v.RateLimit(requests=100, per=60),
    lookback=v.days(180),
    settings={"version": v.Setting("API version", default="60.0")},
    credential={"login": "consumer key of an external client app", "password": "consumer secret"},
    access="An external client app with the client credentials flow, whose run-as user has 'View Setup and "
    "Configuration' "
    "and 'API Enabled'.",
    limits="Changes in Setup, kept for 180 days. Only the fields that the query names are sent: all of the object's "
    "own, and "
    "the user name. The org's daily API quota applies.",
    confidence="Vendor documentation.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "the daily quota depends on the edition.",
        "actions": "the names of actions are not listed on the page; one is its example.",
        "access": "which permissions of the user are sufficient.",
    },
)
