"""Cloudflare audit logs, version 2: of an account, and of an organisation.

https://developers.cloudflare.com/fundamentals/account/account-security/audit-logs
"""

from audit_provider.core.sources import vocabulary as v

CLOUDFLARE = v.SourceSpec(
    name="cloudflare",
    title="Cloudflare audit logs",
    docs="https://developers.cloudflare.com/fundamentals/account/account-security/audit-logs",
    base_url="https://api.cloudflare.com",
    page_url="https://dash.cloudflare.com/{account}/audit-log",
    request=v.Request(
        "GET", "/client/v4/accounts/{account}/logs/audit", params={"since": "{start}", "before": "{end}", "limit": 1000}
    ),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="cursor", cursor_at="result_info.cursor"),
    records_at="result",
    fields=v.Fields(
        id="id",
        time="action.time",
        action="action.type",
        actor_id="actor.id",
        actor_email="actor.email",
        ip="actor.ip_address",
        object_type="resource.type",
        object_id="resource.id",
    ),
    errors=v.Errors(message_at="errors", ok_at="success"),
    rate_limit=v.RateLimit(requests=1200, per=300),
    page_size=v.PageSize("limit", 1000),
    lookback=v.days(546),
    settings={"account": v.Setting("the account's id")},
    credential={"password": "API token"},
    access="An API token with the permission Account Settings Read for the account.",
    limits="Events are kept for 18 months, the oldest from about February 2026. 1,200 requests in 5 minutes.",
    confidence="Vendor documentation and SDK.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "1,200 requests in 5 minutes is not from documentation.",
        "page_size.most": "1,000 is not from documentation.",
    },
)

CLOUDFLARE_ORGANIZATION = v.replace(
    CLOUDFLARE,
    name="cloudflare_organization",
    title="Cloudflare organisation audit logs",
    page_url="",
    request=v.replace(CLOUDFLARE.request, path="/client/v4/organizations/{organization}/logs/audit"),
    settings={"organization": v.Setting("the organisation's id")},
    access="An API token that may read the organisation's audit logs.",
    confidence="Vendor's SDK.",
    unconfirmed={
        **CLOUDFLARE.unconfirmed,
        "access": "which permission the token needs is stated for accounts only: Account Settings Read.",
        "lookback": "18 months is stated for the audit logs as a whole.",
    },
)
