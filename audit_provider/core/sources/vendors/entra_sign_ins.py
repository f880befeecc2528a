"""Microsoft Entra ID sign-ins, of all four kinds. https://learn.microsoft.com/en-us/graph/api/signin-list"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors import entra_directory_audits

_AUDITS = entra_directory_audits.ENTRA_DIRECTORY_AUDITS
_SPAN = "createdDateTime ge {start} and createdDateTime le {end}"

ENTRA_SIGN_INS = v.replace(
    _AUDITS,
    name="entra_sign_ins",
    title="Microsoft Entra ID sign-ins",
    docs="https://learn.microsoft.com/en-us/graph/api/signin-list",
    request=v.Request("GET", "/v1.0/auditLogs/signIns", params={"$filter": _SPAN, "$top": 1000}),
    # A sign-in may be shown two hours late; a day of them, read again every hour, would cost more than the budget.
    reading=v.ClosedWindows(sweep_reach=v.hours(6)),
    fields=v.Fields(
        id="id",
        time="createdDateTime",
        action="status.errorCode",
        actor_id="userId | servicePrincipalId",
        actor_email="userPrincipalName",
        actor_name="userDisplayName | servicePrincipalName",
        ip="ipAddress",
        user_agent="userAgent",
        object_id="resourceId | appId",
    ),
    actions={"0": "authentication.login.success", "*": "authentication.login.failure"},
    watched=frozenset(),
    kept_shorter=(),
    access="An app registration with the application permissions AuditLog.Read.All and Directory.Read.All, with an "
    "admin's consent; the tenant needs Entra ID P1 or P2.",
    limits="Interactive and federated sign-ins; the other kinds are lists of their own. Kept for 30 days. The action "
    "of an "
    "event is its error code, which is 0 if it succeeded.",
    unconfirmed={
        "rate_limit": _AUDITS.unconfirmed["rate_limit"],
        "reading.sweep_reach": "sign-ins are said to be shown up to two hours late.",
    },
)


def _of_kind(kind: str, name: str, title: str) -> v.SourceSpec:
    """Return the list of one of the kinds that only the beta of the API has."""
    request = v.Request(
        "GET",
        "/beta/auditLogs/signIns",
        params={"$filter": f"{_SPAN} and signInEventTypes/any(t: t eq '{kind}')", "$top": 1000},
    )
    limits = "Only the beta of the API has these. Kept for 30 days. The action of an event is its error code, which "
    "is 0 "
    return v.replace(ENTRA_SIGN_INS, name=name, title=title, request=request, limits=f"{limits}if it succeeded.")


ENTRA_SIGN_INS_NON_INTERACTIVE = _of_kind(
    "nonInteractiveUser", "entra_sign_ins_non_interactive", "Microsoft Entra ID sign-ins, non-interactive"
)
ENTRA_SIGN_INS_SERVICE_PRINCIPALS = _of_kind(
    "servicePrincipal", "entra_sign_ins_service_principals", "Microsoft Entra ID sign-ins of service principals"
)
ENTRA_SIGN_INS_MANAGED_IDENTITIES = _of_kind(
    "managedIdentity", "entra_sign_ins_managed_identities", "Microsoft Entra ID sign-ins of managed identities"
)
