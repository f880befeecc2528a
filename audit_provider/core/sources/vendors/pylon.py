"""Pylon audit logs. https://docs.usepylon.com/pylon-docs/developer/api/api-reference/audit-logs

``GET /me`` returns the organisation of the token: https://docs.usepylon.com/developer/api-reference/authentication
"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.pylon_actions import ACTIONS, WATCHED


def _search(happened_at: dict[str, object]) -> v.Request:
    """Return the search request. Both bounds are one ``time_range``."""
    body = {"filter": {"field": "action_happened_at", **happened_at}, "limit": 999}
    return v.Request("POST", "/audit-logs/search", body=body)


_PAGING = v.CursorPaging(
    param="cursor", sent_in="body", cursor_at="pagination.cursor", more_at="pagination.has_next_page"
)

PYLON = v.SourceSpec(
    name="pylon",
    title="Pylon audit logs",
    docs="https://docs.usepylon.com/pylon-docs/developer/api/api-reference/audit-logs",
    base_url="https://api.usepylon.com",
    regions={"us": "https://api.usepylon.com", "eu": "https://api.eu.usepylon.com"},
    request=_search({"operator": "time_range", "values": ["{start}", "{end}"]}),
    fallback=_search({"operator": "time_is_after", "value": "{start}"}),
    reading=v.ClosedWindows(),
    paging=_PAGING,
    records_at="data",
    records_may_be_absent=True,
    fields=v.Fields(
        id="id",
        time="action_happened_at",
        recorded="created_at",
        action="action",
        actor_id="actor_user_id | actor_contact_id",
        object_type="object_type",
        object_id="object_id",
    ),
    rate_limit=v.RateLimit(requests=10, per=60),
    page_size=v.PageSize("limit", 999),
    probe=v.Probe("/me", shows=("data.name", "data.id"), account="data.id"),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="errors",
        code_at="code",
        slow_codes=("rate_limited",),
        hints={
            "wrong_region_token": "the token belongs to Pylon's other region: set the connection's host to "
            "https://api.eu.usepylon.com for EU, https://api.usepylon.com for US.",
            "401": "make an API token in Pylon (Settings > Developer > API Tokens) and put it in the password.",
            "403": "the token must be made by an Admin, and the plan must include audit logs (Enterprise).",
        },
    ),
    access="An API token made by an Admin (Settings > Developer > API Tokens), on a plan with audit logs (Enterprise).",
    confidence="Vendor documentation and OpenAPI text; the shape of the time range from a connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "request": "the value of `time_range`; if it is refused, `fallback` is used instead.",
        "paging": "the order of pages; windows do not depend on it.",
    },
)

PYLON_LIST = v.replace(
    PYLON,
    name="pylon_list",
    title="Pylon audit logs (list)",
    request=v.Request("GET", "/audit-logs", params={"limit": 500}),
    fallback=None,
    reading=v.MeasuredList(),
    paging=v.replace(_PAGING, sent_in="query"),
    rate_limit=v.RateLimit(requests=60, per=60),
    unconfirmed={"reading": "the order of the list; it is measured before anything depends on it."},
    recovery=PYLON,
)
