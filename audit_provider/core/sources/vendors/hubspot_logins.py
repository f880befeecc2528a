"""HubSpot logins. https://developers.hubspot.com/docs/api-reference/2026-03/account/audit-logs/guide"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors import hubspot

HUBSPOT_LOGINS = v.SourceSpec(
    name="hubspot_logins",
    title="HubSpot logins",
    docs="https://developers.hubspot.com/docs/api-reference/2026-03/account/audit-logs/guide",
    base_url=hubspot.HUBSPOT.base_url,
    request=v.Request("GET", "/account-info/2026-03/activity/login", params={"limit": 100}),
    reading=v.HeadScan(),
    paging=v.CursorPaging(param="after", cursor_at="paging.next.after"),
    records_at="results",
    fields=v.Fields(
        id="id",
        time="loginAt",
        actor_id="userId",
        actor_email="email",
        ip="ipAddress",
        user_agent="userAgent",
        outcome="loginSucceeded",
    ),
    actions={"": "authentication.login"},
    errors=hubspot.HUBSPOT.errors,
    rate_limit=hubspot.HUBSPOT.rate_limit,
    page_size=v.PageSize("limit", 100),
    probe=hubspot.HUBSPOT.probe,
    lookback=v.days(90),
    credential=hubspot.HUBSPOT.credential,
    access="A service key with the scope account-info.security.read.",
    limits="Login attempts of the last 90 days, successful or not. The list has no time filter: it is read from its "
    "newest "
    "end back to known events, or whole if it proves to be in another order.",
    confidence="Vendor documentation.",
    checked="2026-11-29",
    unconfirmed={
        "reading": "the order of the list is not documented; it is measured.",
        "page_size.most": "not stated for the dated API; the legacy one takes 200.",
        "rate_limit": "no figure was found; after a 429, the task waits.",
        "errors.message_at": "the form of an error's body.",
    },
)
