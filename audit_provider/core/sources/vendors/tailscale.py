"""Tailscale configuration audit log. https://tailscale.com/kb/1203/audit-logging"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.auth import Basic
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

TAILSCALE = SourceSpec(
    name="tailscale",
    title="Tailscale configuration audit log",
    docs="https://tailscale.com/kb/1203/audit-logging",
    base_url="https://api.tailscale.com",
    request=Request(
        "GET", "/api/v2/tailnet/{tailnet}/logging/configuration", params={"start": "{start}", "end": "{end}"}
    ),
    reading=ClosedWindows(first_width=timedelta(days=1), max_width=timedelta(days=3)),
    records_at="logs",
    fields=Fields(
        id="",
        time="eventTime",
        action="action",
        actor_id="actor.id",
        actor_email="actor.loginName",
        object_type="target.type",
        object_id="target.id",
    ),
    auth=Basic(login="{password}", password=""),
    errors=Errors(message_at="message"),
    rate_limit=RateLimit(requests=60, per=60),
    lookback=timedelta(days=90),
    settings={"tailnet": Setting("the tailnet's name")},
    credential={"password": "API access token"},
    access="An API access token with the scope logs:configuration:read.",
    limits="A window comes in one answer, so windows are kept short; entries are kept for 90 days and have no id.",
    confidence="Vendor documentation for the window; names of fields unconfirmed.",
    unconfirmed={
        "fields": "names of the entries' fields.",
        "errors": "name of the error's field.",
        "rate_limit": "a careful value; nothing is documented.",
    },
)
