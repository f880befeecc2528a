"""Tailscale configuration audit log. https://tailscale.com/kb/1203/audit-logging"""

from audit_provider.core.sources import vocabulary as v

TAILSCALE = v.SourceSpec(
    name="tailscale",
    title="Tailscale configuration audit log",
    docs="https://tailscale.com/kb/1203/audit-logging",
    base_url="https://api.tailscale.com",
    page_url="https://login.tailscale.com/admin/logs",
    request=v.Request(
        "GET", "/api/v2/tailnet/{tailnet}/logging/configuration", params={"start": "{start}", "end": "{end}"}
    ),
    reading=v.ClosedWindows(first_width=v.days(1), max_width=v.days(3)),
    records_at="logs",
    fields=v.Fields(
        id="",
        time="eventTime",
        action="action",
        actor_id="actor.id",
        actor_email="actor.loginName",
        object_type="target.type",
        object_id="target.id",
    ),
    auth=v.Basic(login="{password}", password=""),
    errors=v.Errors(message_at="message"),
    rate_limit=v.RateLimit(requests=60, per=60),
    lookback=v.days(90),
    settings={"tailnet": v.Setting("the tailnet's name")},
    credential={"password": "API access token"},
    access="An API access token with the scope logs:configuration:read.",
    limits="A window comes in one answer, so windows are kept short; entries are kept for 90 days and have no id.",
    confidence="Vendor documentation for the window; names of fields unconfirmed.",
    checked="2026-11-29",
    unconfirmed={
        "fields": "names of the entries' fields.",
        "errors": "name of the error's field.",
        "rate_limit": "a careful value; nothing is documented.",
    },
)
