"""Microsoft Entra ID provisioning. https://learn.microsoft.com/en-us/graph/api/provisioningobjectsummary-list"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors import entra_directory_audits

ENTRA_PROVISIONING = v.replace(
    entra_directory_audits.ENTRA_DIRECTORY_AUDITS,
    name="entra_provisioning",
    title="Microsoft Entra ID provisioning",
    docs="https://learn.microsoft.com/en-us/graph/api/provisioningobjectsummary-list",
    request=v.Request(
        "GET",
        "/v1.0/auditLogs/provisioning",
        params={"$filter": "activityDateTime ge {start} and activityDateTime le {end}", "$top": 500},
    ),
    fields=v.Fields(
        id="id",
        time="activityDateTime",
        action="provisioningAction",
        actor_id="initiatedBy.id",
        actor_name="initiatedBy.displayName",
        outcome="provisioningStatusInfo.status",
        object_type="targetIdentity.identityType",
        object_id="targetIdentity.id",
        organization="tenantId",
    ),
    actions={
        "create": "user.create",
        "update": "user.update",
        "disable": "user.disable",
        "stagedDelete": "user.delete",
        "delete": "user.delete",
    },
    watched=frozenset(),
    unconfirmed={
        **entra_directory_audits.ENTRA_DIRECTORY_AUDITS.unconfirmed,
        "lookback": "stated for the audit and sign-in logs.",
        "request.params": "that the bounds of time take `ge` and `le`.",
    },
)
