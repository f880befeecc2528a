"""HubSpot audit logs. https://github.com/HubSpot/HubSpot-public-api-spec-collection

The key's account: ``Account Info/Rollouts/318954/2026-09/accountInfo.json`` there, which knows no scope but
``account-info.security.read``.
"""

from audit_provider.core.sources import vocabulary as v

HUBSPOT = v.SourceSpec(
    name="hubspot",
    title="HubSpot audit logs",
    docs="https://github.com/HubSpot/HubSpot-public-api-spec-collection",
    base_url="https://api.hubapi.com",
    request=v.Request(
        "GET",
        "/account-info/2026-09/activity/audit-logs",
        params={"occurredAfter": "{start}", "occurredBefore": "{end}", "limit": 100},
    ),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="after", cursor_at="paging.next.after"),
    records_at="results",
    fields=v.Fields(
        id="id",
        time="occurredAt",
        action="action",
        actor_id="actingUser.userId",
        actor_email="actingUser.userEmail",
        object_type="category",
        object_id="targetObjectId",
    ),
    errors=v.Errors(message_at="message"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 100),
    probe=v.Probe("/account-info/2026-09/details", shows=("portalName",), account="portalId"),
    credential={"password": "service key"},
    access="A service key with the scope account-info.security.read, in an Enterprise account. The access token of a "
    "private app serves too, but no new one can be made since October 2026.",
    limits="Logins and security history are lists of their own: `hubspot_logins` and `hubspot_security`.",
    confidence="Vendor specification of 21 August 2026, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "page_size.most": "100 or 200.",
        "rate_limit": "no figure was found; after a 429, the task waits.",
        "lookback": "no limit was found.",
        "errors.message_at": "the form of an error's body.",
    },
)
