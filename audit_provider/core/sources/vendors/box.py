"""Box enterprise events. https://developer.box.com/guides/events/enterprise-events/for-enterprise"""

from audit_provider.core.sources import vocabulary as v

_BY_TIME = v.SourceSpec(
    name="box",
    title="Box enterprise events",
    docs="https://developer.box.com/guides/events/enterprise-events/for-enterprise",
    base_url="https://api.box.com",
    request=v.Request(
        "GET",
        "/2.0/events",
        params={"stream_type": "admin_logs", "limit": 500, "created_after": "{start}", "created_before": "{end}"},
    ),
    reading=v.ClosedWindows(settle=v.minutes(10)),
    paging=v.CursorPaging(param="stream_position", cursor_at="next_stream_position", ends_when_empty=True),
    records_at="entries",
    fields=v.Fields(
        id="event_id",
        time="created_at",
        action="event_type",
        actor_id="created_by.id",
        actor_email="created_by.login",
        ip="ip_address",
        object_type="source.type",
        object_id="source.id",
    ),
    auth=v.Token(
        url="/oauth2/token",
        fields={
            "grant_type": "client_credentials",
            "box_subject_type": "enterprise",
            "box_subject_id": "{enterprise_id}",
        },
        client="fields",
    ),
    errors=v.Errors(
        message_at="message",
        code_at="code",
        hints={"403": "the app needs the scope 'Manage enterprise properties', and an admin must have authorised it."},
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 500),
    lookback=v.days(365),
    settings={"enterprise_id": v.Setting("the enterprise's id")},
    credential={"login": "client id", "password": "client secret"},
    access="A server app with client credentials that an admin has authorised for the enterprise, with the right "
    "to run and see reports.",
    limits="The stream holds about two weeks; backfills read the event history, one year, which shows events later.",
    confidence="Vendor documentation and OpenAPI text, two connectors' code.",
    checked="2026-11-29",
)

BOX = v.replace(
    _BY_TIME,
    request=v.Request(
        "GET", "/2.0/events", params={"stream_type": "admin_logs_streaming", "limit": 500, "stream_position": "0"}
    ),
    reading=v.TailCursor(probe_after=144),
    lookback=v.days(14),
    recovery=_BY_TIME,
    unconfirmed={
        "lookback": "about two weeks; Box decides where the stream begins, whatever start is set.",
        "rate_limit": "a low value to be safe; after a 429, the task waits as `Retry-After` says.",
        "recovery.reading.settle": "the event history shows events later than the stream, how much is not stated.",
        "fields": "the actor's id and object are not from documentation.",
        "auth.url": "the path of the token on the API's own host; another can be set by `token_url`.",
        "errors": "names of the error's fields.",
    },
)
