"""Figma activity logs. https://developers.figma.com/docs/rest-api/activity-logs"""

from audit_provider.core.sources import vocabulary as v

FIGMA = v.SourceSpec(
    name="figma",
    title="Figma activity logs",
    docs="https://developers.figma.com/docs/rest-api/activity-logs",
    base_url="https://api.figma.com",
    request=v.Request(
        "GET",
        "/v1/activity_logs",
        params={"start_time": "{start}", "end_time": "{end}", "limit": 1000, "order": "asc"},
    ),
    times="epoch",
    # An answer holds a cursor, but no documented parameter takes it: a window that is not whole is halved.
    reading=v.ClosedWindows(first_width=v.days(7), most=1000),
    paging=v.NoPaging(cut_at="meta.next_page"),
    records_at="meta.activity_logs",
    fields=v.Fields(
        id="id",
        time="timestamp",
        action="action.type",
        actor_id="actor.id",
        actor_email="actor.email",
        actor_name="actor.name",
        ip="context.ip_address",
        object_type="entity.type",
        object_id="entity.id",
        organization="context.org_id",
    ),
    errors=v.Errors(
        message_at="message",
        hints={
            "403": "use a plan access token, or an OAuth token of an organisation admin, with org:activity_log_read."
        },
    ),
    rate_limit=v.RateLimit(requests=30, per=60),
    credential={"password": "plan access token, or OAuth token, with `org:activity_log_read`"},
    access="A plan access token with the scope org:activity_log_read, or an OAuth token of an organisation admin with "
    "it, "
    "on the Enterprise plan.",
    limits="1,000 events an answer, so busy time ranges are read in parts. With more than 1,000 events in a second, "
    "the rest "
    "is reported as a gap.",
    confidence="Vendor specification of March 2026, and its version 0.43.0.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "a low value to be safe; after a 429, the task waits as `Retry-After` says.",
        "lookback": "no limit is stated; without a start, answers begin a year ago.",
        "actions": "the part of the vendor's list that was read, in its names' endings.",
        "errors.message_at": "the form of an error's body.",
    },
)
