"""HubSpot security history.

https://developers.hubspot.com/docs/api-reference/2026-03/account/audit-logs/get-security
"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors import hubspot_logins

_LOGINS = hubspot_logins.HUBSPOT_LOGINS

HUBSPOT_SECURITY = v.replace(
    _LOGINS,
    name="hubspot_security",
    title="HubSpot security history",
    docs="https://developers.hubspot.com/docs/api-reference/2026-03/account/audit-logs/get-security",
    request=v.Request("GET", "/account-info/2026-03/activity/security", params={"limit": 100}),
    fields=v.Fields(
        id="id",
        time="createdAt",
        action="type",
        actor_id="userId",
        actor_email="actingUser",
        ip="ipAddress",
        object_id="objectId",
    ),
    actions={"ADD_USER": "user.create"},
    lookback=None,
    limits="The list is read from its newest end back to known events, or whole if it proves to be in another order. "
    "Version 2026-09 has the parameters `fromTimestamp` and `toTimestamp`, without a word on what they filter: they "
    "are not used.",
    unconfirmed={
        **_LOGINS.unconfirmed,
        "lookback": "no limit was found.",
        "actions": "the types are not listed on the page; one of them is in its example.",
    },
)
