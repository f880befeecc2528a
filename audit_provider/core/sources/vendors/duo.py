"""Duo logs by the Admin API. https://duo.com/docs/adminapi"""

from audit_provider.core.sources import vocabulary as v


def _log(name: str, title: str, path: str, records: str, fields: v.Fields, **more: object) -> v.SourceSpec:
    asked = {"mintime": "{start}", "maxtime": "{end}", "limit": 1000, "sort": "ts:asc"}
    return v.SourceSpec(
        name=name,
        title=title,
        docs=f"https://duo.com/docs/adminapi#{path}-logs",
        base_url="",
        host_example="https://api-1a2b3c4d.duosecurity.com",
        request=v.Request("GET", f"/admin/v2/logs/{path}", params=asked),
        times="epoch_ms",
        reading=v.ClosedWindows(behind=v.minutes(2), max_width=v.days(180)),
        paging=v.CursorPaging(param="next_offset", cursor_at="response.metadata.next_offset", joined_by=","),
        records_at=f"response.{records}",
        fields=fields,
        auth=v.SignedRequest(),
        errors=v.Errors(message_at="message", code_at="code", ok_at="stat", ok_is="OK"),
        rate_limit=v.RateLimit(requests=5, per=10),
        page_size=v.PageSize("limit", 1000),
        lookback=v.days(180),
        credential={"login": "integration key", "password": "secret key"},
        access="An Admin API application with the permission *Grant read log*.",
        limits="Events appear after two minutes. The administrator log of the older API is not read: it has no ids, "
        "and Duo's own Log Sync dropped it for the activity log.",
        confidence="Vendor documentation, a connector's code.",
        checked="2026-11-29",
        unconfirmed={
            "actions": "names of actions are partly not from documentation; others are read all the same.",
            "lookback": "180 days.",
            "rate_limit": "about one request in two seconds.",
            "fields": "partly not from documentation.",
            "errors": "names of the error's fields.",
        },
        **more,  # type: ignore[arg-type]
    )


DUO_AUTHENTICATION = _log(
    "duo_authentication",
    "Duo authentication log",
    "authentication",
    "authlogs",
    v.Fields(
        id="txid",
        time="isotimestamp",
        action="event_type",
        actor_id="user.key",
        actor_email="email",
        actor_name="user.name",
        ip="access_device.ip",
        outcome="result",
        object_id="application.name",
    ),
    actions={"authentication": "authentication.login", "enrollment": "user.mfa_enable"},
)
DUO_ACTIVITY = _log(
    "duo_activity",
    "Duo activity log",
    "activity",
    "items",
    v.Fields(
        id="activity_id",
        time="ts",
        action="action.name",
        actor_id="actor.key",
        actor_name="actor.name",
        ip="access_device.ip.address",
        outcome="outcome.result",
        object_type="target.type",
        object_id="target.key",
    ),
    actions={"admin_login": "authentication.login", "user_create": "user.create", "user_delete": "user.delete"},
    watched=frozenset({"user_delete"}),
)
