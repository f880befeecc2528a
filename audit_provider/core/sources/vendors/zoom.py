"""Zoom operation logs. https://github.com/hashicorp-forge/grove/tree/main/grove/connectors/zoom"""

from audit_provider.core.sources import vocabulary as v

ZOOM = v.SourceSpec(
    name="zoom",
    title="Zoom operation logs",
    docs="https://github.com/hashicorp-forge/grove/tree/main/grove/connectors/zoom",
    base_url="https://api.zoom.us",
    request=v.Request("GET", "/v2/report/operationlogs", params={"from": "{start}", "to": "{end}", "page_size": 300}),
    times="date",
    reading=v.ClosedWindows(first_width=v.days(7), max_width=v.days(28)),
    paging=v.CursorPaging(param="next_page_token", cursor_at="next_page_token"),
    records_at="operation_logs",
    fields=v.Fields(id="", time="time", action="action", actor_email="operator", object_type="category_type"),
    auth=v.Token(
        url="https://zoom.us/oauth/token",
        fields={"grant_type": "account_credentials", "account_id": "{account_id}"},
        encoding="query",
    ),
    errors=v.Errors(message_at="message", code_at="code"),
    rate_limit=v.RateLimit(requests=10, per=60),
    page_size=v.PageSize("page_size", 300),
    lookback=v.days(178),
    settings={"account_id": v.Setting("the account's id, shown with the app's credentials")},
    credential={"login": "client id", "password": "client secret"},
    access="A server-to-server OAuth app of the account with the scope `report:read:operation_logs:admin`.",
    limits="Whole days only, one month per query, six months back. Operation logs have no id. Sign-ins are a "
    "list of their own, `zoom_sign_ins`.",
    confidence="A connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "six months, less what a window is widened by.",
        "reading.max_width": "one month per query.",
        "rate_limit": "a low value to be safe, for the heavy tier; after a 429, the task waits as `Retry-After` says.",
        "fields": "partly not from documentation; `operator` is taken for an e-mail address.",
        "errors": "names of the error's fields.",
    },
)
