"""Dropbox team log. https://github.com/dropbox/dropbox-api-spec/blob/main/team_log.stone"""

from audit_provider.core.sources import vocabulary as v

_BY_TIME = v.SourceSpec(
    name="dropbox",
    title="Dropbox team log",
    docs="https://github.com/dropbox/dropbox-api-spec/blob/main/team_log.stone",
    base_url="https://api.dropboxapi.com",
    request=v.Request(
        "POST", "/2/team_log/get_events", body={"limit": 1000, "time": {"start_time": "{start}", "end_time": "{end}"}}
    ),
    follow=v.Request("POST", "/2/team_log/get_events/continue", body={}),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="cursor", cursor_at="cursor", more_at="has_more", sent_in="body"),
    records_at="events",
    fields=v.Fields(
        id="",
        time="timestamp",
        action=r"event_type.\.tag",
        actor_id="actor.user.account_id",
        actor_email="actor.user.email",
        ip="origin.geo_location.ip_address",
    ),
    auth=v.Token(url="/oauth2/token", fields={"grant_type": "refresh_token", "refresh_token": "{refresh_token}"}),
    errors=v.Errors(
        message_at="error_summary",
        code_at=r"error.\.tag",
        cursor_codes=("bad_cursor", "reset"),
        resume_at="error.reset",
        hints={
            "401": "the app needs the team scope events.read, and a team admin must have linked it.",
            "403": "the app needs the team scope events.read, and the team's plan must include the activity log.",
        },
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 1000),
    settings={"refresh_token": v.Setting("the refresh token of the team's link to the app", secret=True)},
    credential={"login": "app key", "password": "app secret"},
    access="A scoped app with the team scope events.read that a team admin has linked for offline access.",
    limits="Events have no id and no guaranteed order; a cursor is normally valid for days.",
    confidence="Vendor specification and a connector's code.",
    checked="2026-11-29",
)

DROPBOX = v.replace(
    _BY_TIME,
    request=v.Request("POST", "/2/team_log/get_events", body={"limit": 1000, "time": {"start_time": "{start}"}}),
    reading=v.TailCursor(),
    recovery=_BY_TIME,
    unconfirmed={
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "lookback": "no limit was found.",
        "fields.actor_email": "only for users; admins, apps and resellers are elsewhere in the record.",
        "auth.url": "the path of the token on the API's own host; another can be set by `token_url`.",
        "errors.resume_at": "path of the time from which to restart, in a `reset` error.",
    },
)
