"""1Password audit events. https://github.com/1Password/events-api-generic

The token's account: https://developer.1password.com/docs/events-api/reference (``GET /api/v2/auth/introspect``).
"""

from typing import Any

from audit_provider.core.sources import vocabulary as v

_PATH = "/api/v2/auditevents"
_ASKED = {"limit": 1000, "start_time": "{start}"}
_BY_TIME = v.SourceSpec(
    name="onepassword",
    title="1Password audit events",
    docs="https://github.com/1Password/events-api-generic",
    base_url="https://events.1password.com",
    regions={
        "us": "https://events.1password.com",
        "ca": "https://events.1password.ca",
        "eu": "https://events.1password.eu",
        "enterprise": "https://events.ent.1password.com",
    },
    request=v.Request("POST", _PATH, body={**_ASKED, "end_time": "{end}"}),
    follow=v.Request("POST", _PATH, body={}),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="cursor", cursor_at="cursor", more_at="has_more", sent_in="body"),
    records_at="items",
    fields=v.Fields(
        id="uuid",
        time="timestamp",
        action="action",
        actor_id="actor_uuid",
        actor_email="actor_details.email",
        actor_name="actor_details.name",
        ip="session.ip",
        object_type="object_type",
        object_id="object_uuid",
        organization="account_uuid",
    ),
    errors=v.Errors(
        hints={"401": "the token is wrong, has expired, or belongs to another region: check the connection's host."}
    ),
    rate_limit=v.RateLimit(requests=500, per=60),
    page_size=v.PageSize("limit", 1000),
    probe=v.Probe("/api/v2/auth/introspect", account="account_uuid"),
    lookback=v.days(120),
    credential={"password": "bearer token of an Events Reporting integration"},
    access="A bearer token of an Events Reporting integration that may read audit events (1Password Business).",
    limits="Events of the last 120 days can be read. A token works on its own region's host only. Sign-in attempts and "
    "item usages are lists of their own: `onepassword_sign_ins` and `onepassword_item_usages`. Version 3 of the API "
    "(`/api/v3/auditevents`) is a beta; version 2, which is read, stays.",
    confidence="Vendor documentation for the look-back; otherwise the vendor's sample scripts, two connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "request.body": "`end_time` is named in samples; it bounds backfills and sweeps.",
        "paging": "seen in samples and connectors.",
        "page_size.most": "seen in samples and connectors.",
        "rate_limit": "600 a minute and 30,000 an hour are said to be allowed; this keeps both.",
        "fields": "names of actor and address are partly not from documentation.",
    },
)

ONEPASSWORD = v.replace(
    _BY_TIME, request=v.Request("POST", _PATH, body=_ASKED), reading=v.TailCursor(), recovery=_BY_TIME
)


def other_list(path: str, **changes: Any) -> v.SourceSpec:
    """Return the description of another list of the same API.

    :param path: where it is. :param changes: what else differs.
    """
    by_time = v.replace(
        _BY_TIME,
        request=v.Request("POST", path, body={**_ASKED, "end_time": "{end}"}),
        follow=v.Request("POST", path, body={}),
        **changes,
    )
    return v.replace(by_time, request=v.Request("POST", path, body=_ASKED), reading=v.TailCursor(), recovery=by_time)
