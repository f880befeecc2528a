"""WorkOS events. https://workos.com/docs/reference/events"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.workos_actions import ACTIONS, CATEGORIES, WATCHED
from audit_provider.core.sources.vendors.workos_events import EVENTS

_ASKED = {"events": "{events}", "limit": 100}
_BY_TIME = v.SourceSpec(
    name="workos",
    title="WorkOS events",
    docs="https://workos.com/docs/reference/events",
    base_url="https://api.workos.com",
    request=v.Request("GET", "/events", params={**_ASKED, "range_start": "{start}", "range_end": "{end}"}),
    times="rfc3339_ms",
    reading=v.ClosedWindows(),
    paging=v.ObjectIdPaging(param="after", more_at="list_metadata.after"),
    records_at="data",
    fields=v.Fields(
        id="id",
        time="created_at",
        action="event",
        actor_email="data.email",
        ip="data.ip_address",
        user_agent="data.user_agent",
        object_type="data.object",
        object_id="data.id",
        target_user="data.user_id | data.user.id",
        target_email="data.email",
        target_group="data.group.id",
        organization="data.organization_id",
    ),
    actions=ACTIONS,
    categories=CATEGORIES,
    watched=WATCHED,
    errors=v.Errors(message_at="message", code_at="code"),
    rate_limit=v.RateLimit(requests=300, per=60),
    page_size=v.PageSize("limit", 100),
    lookback=v.days(30),
    settings={
        "events": v.Setting(
            "the event types to read, as a list; new event types of WorkOS are not read until you add them",
            default=",".join(EVENTS),
        )
    },
    credential={"password": "environment secret key (`sk_…`)"},
    access="An environment's secret key (sk_) with the permission to read events.",
    limits="100 events a page. Events are kept for 30 days.",
    confidence="Vendor documentation and SDK: oldest first, kept for 30 days.",
    checked="2026-11-29",
)

WORKOS = v.replace(
    _BY_TIME,
    request=v.Request("GET", "/events", params={**_ASKED, "range_start": "{start}"}),
    follow=v.Request("GET", "/events", params=_ASKED),
    reading=v.IdKeyset(),
    recovery=_BY_TIME,
    unconfirmed={
        "settings": "the default of `events` is the list in the SDK; if one is refused, set `events` to the types you "
        "want.",
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "fields": "actor and address differ by event type.",
    },
)
