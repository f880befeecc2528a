"""Smartsheet events. https://developers.smartsheet.com/api/smartsheet/event-types

The list and its bounds of time: https://developers.smartsheet.com/api/smartsheet/openapi/events/list-events

The user's account: https://developers.smartsheet.com/api/smartsheet/openapi/users/get-current-user, and ``UserProfile``
of https://github.com/smartsheet/smartsheet-python-sdk.
"""

from audit_provider.core.sources import vocabulary as v

_PATH = "/2.0/events"
_ASKED = {"since": "{start}", "maxCount": 1000}
_BY_TIME = v.SourceSpec(
    name="smartsheet",
    title="Smartsheet events",
    docs="https://developers.smartsheet.com/api/smartsheet/event-types",
    base_url="https://api.smartsheet.com",
    request=v.Request("GET", _PATH, params={**_ASKED, "to": "{end}"}),
    follow=v.Request("GET", _PATH, params={"maxCount": 1000}),
    times="rfc3339_hour",
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="streamPosition", cursor_at="nextStreamPosition", more_at="moreAvailable"),
    records_at="data",
    fields=v.Fields(
        id="eventId",
        time="eventTimestamp",
        action="action",
        actor_id="userId",
        actor_email="additionalDetails.emailAddress",
        object_type="objectType",
        object_id="objectIdStr | objectId",
    ),
    actions={
        "AUTHORIZE": "token.create",
        "REFRESH": "token.update",
        "REVOKE": "token.revoke",
        "LOAD": "data.read",
        "EXPORT": "data.export",
        "*ADD_SHARE*": "access.grant",
        "*REMOVE_SHARE*": "access.revoke",
        "TRANSFER_OWNERSHIP": "access.update",
        "ADD_MEMBER": "group.add_member",
        "REMOVE_MEMBER": "group.remove_member",
        "SEND_INVITE": "user.invite",
        "PURGE": "content.delete",
    },
    watched=frozenset({"AUTHORIZE", "TRANSFER_OWNERSHIP", "PURGE"}),
    errors=v.Errors(message_at="message", code_at="errorCode"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("maxCount", 10000),
    probe=v.Probe("/2.0/users/me", shows=("account.name",), account="account.id"),
    credential={"password": "API access token"},
    access="An API access token of a system admin, on a plan with the add-on Event Reporting.",
    limits="Smartsheet rounds the bounds of a time range to the nearest hour, so whole hours are requested. Since 8 "
    "June 2026 an object's id is in `objectIdStr`. An action says what was done, and `objectType` to what: `CREATE`, "
    "`UPDATE` and `DELETE` may be of a sheet or of a user, so they have no meaning of their own here.",
    confidence="Vendor documentation and SDK 4.4.0.",
    checked="2026-11-29",
)

SMARTSHEET = v.replace(
    _BY_TIME,
    request=v.Request("GET", _PATH, params=_ASKED),
    reading=v.TailCursor(),
    recovery=_BY_TIME,
    unconfirmed={
        "rate_limit": "a low value to be safe; after a 429, the task waits.",
        "lookback": "no limit was found.",
        "recovery.follow": "whether `to` holds for later pages; what they hold beyond it is left out.",
        "errors": "names of the error's fields.",
        "actions": "partly not from the pages that were read.",
    },
)
