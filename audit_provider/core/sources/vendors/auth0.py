"""Auth0 tenant logs. https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.auth0_actions import ACTIONS, WATCHED

_PATH = "/api/v2/logs"
_BY_TIME = v.SourceSpec(
    name="auth0",
    title="Auth0 tenant logs",
    docs="https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api",
    base_url="",
    host_example="https://example.eu.auth0.com",
    page_url="https://manage.auth0.com/#/logs",
    request=v.Request("GET", _PATH, params={"q": "date:[{start} TO {end}]", "sort": "date:1", "per_page": 100}),
    reading=v.ClosedWindows(first_width=v.days(1), max_width=v.days(7), most=1000),
    paging=v.PagePaging(param="page", first=0),
    records_at="",
    fields=v.Fields(
        id="log_id",
        time="date",
        action="type",
        actor_id="user_id",
        actor_email="user_name",
        ip="ip",
        user_agent="user_agent",
    ),
    auth=v.Token(
        url="/oauth/token",
        fields={"grant_type": "client_credentials", "audience": "{audience}"},
        encoding="json",
        client="fields",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="message",
        code_at="errorCode",
        hints={"insufficient_scope": "grant the application the scope read:logs of the Management API."},
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("per_page", 100),
    lookback=v.days(30),
    settings={"audience": v.Setting("the Management API's identifier, `https://<tenant>/api/v2/`")},
    credential={"login": "client id", "password": "client secret"},
    access="A machine-to-machine application that is authorised for the Management API with the scope read:logs.",
    limits="The log is read on from the id of the last event; a search finds where to begin, and reads backfills. A "
    "search gives 1,000 events, so busy time ranges are read in parts. Logs are kept for 1 day on the Free plan, 5 on "
    "Essentials, 10 on Professional, 30 on Enterprise: set `lookback` to your plan's, so that gaps are reported.",
    confidence="Vendor documentation and SDK, a connector's code.",
    checked="2026-11-29",
)

AUTH0 = v.replace(
    _BY_TIME,
    follow=v.Request("GET", _PATH, params={"take": 100}),
    # Ids are in the order of recording: a late event comes after the last id, so nothing has to be looked for.
    reading=v.IdKeyset(ordered_by="id", sweep_reach=v.hours(0)),
    paging=v.ObjectIdPaging(param="from"),
    page_size=v.PageSize("take", 100),
    recovery=_BY_TIME,
    unconfirmed={
        "rate_limit": "a low value to be safe; after a 429, the task waits as `x-ratelimit-reset` says.",
        "errors": "names of the error's fields and codes.",
        "fields": "partly not from documentation.",
    },
)
