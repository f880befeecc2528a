"""Microsoft Entra ID directory audits. https://learn.microsoft.com/en-us/graph/api/directoryaudit-list"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.entra_actions import ACTIONS, WATCHED

ENTRA_DIRECTORY_AUDITS = v.SourceSpec(
    name="entra_directory_audits",
    title="Microsoft Entra ID directory audits",
    docs="https://learn.microsoft.com/en-us/graph/api/directoryaudit-list",
    base_url="https://graph.microsoft.com",
    request=v.Request(
        "GET",
        "/v1.0/auditLogs/directoryAudits",
        params={"$filter": "activityDateTime ge {start} and activityDateTime le {end}", "$top": 500},
    ),
    reading=v.ClosedWindows(),
    paging=v.NextUrlPaging(url_at=r"@odata\.nextLink"),
    records_at="value",
    fields=v.Fields(
        id="id",
        time="activityDateTime",
        action="activityDisplayName",
        actor_id="initiatedBy.user.id | initiatedBy.app.servicePrincipalId",
        actor_email="initiatedBy.user.userPrincipalName",
        actor_name="initiatedBy.user.displayName | initiatedBy.app.displayName",
        ip="initiatedBy.user.ipAddress",
        outcome="result",
    ),
    auth=v.Token(
        url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        fields={"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"},
        client="fields",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="error.message",
        code_at="error.code",
        hints={
            "403": "grant the app AuditLog.Read.All and Directory.Read.All as application permissions, with consent."
        },
    ),
    rate_limit=v.RateLimit(requests=5, per=10),
    page_size=v.PageSize("$top", 1000),
    lookback=v.days(30),
    kept_shorter=(v.KeptShorter(v.days(7), "the events of a tenant without Entra ID P1 or P2"),),
    settings={"tenant": v.Setting("the tenant's id or domain")},
    credential={"login": "client id of the app registration", "password": "client secret"},
    access="An app registration with the application permissions AuditLog.Read.All and Directory.Read.All, with an "
    "admin's consent.",
    limits="Events are kept for 7 days, with a P1 or P2 licence for 30. No answer shows which applies, so up to 30 "
    "days are "
    "read, and what is older than 7 days is reported as a gap: with such a licence, set `kept_shorter: []`.",
    confidence="Vendor documentation.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "5 requests in 10 seconds for all lists of an app in a tenant, from memory of the vendor's "
        "table; "
        "after a 429, the task waits as `Retry-After` says.",
        "page_size.most": "1,000 is stated for sign-ins.",
        "actions": "names of actions are partly not from documentation; those without a meaning are read all the same.",
    },
)
