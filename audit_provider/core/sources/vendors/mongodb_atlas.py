"""MongoDB Atlas organisation events. https://github.com/elastic/integrations/tree/main/packages/mongodb_atlas"""

from audit_provider.core.sources import vocabulary as v

MONGODB_ATLAS = v.SourceSpec(
    name="mongodb_atlas",
    title="MongoDB Atlas organisation events",
    docs="https://github.com/elastic/integrations/tree/main/packages/mongodb_atlas",
    base_url="https://cloud.mongodb.com",
    request=v.Request(
        "GET",
        "/api/atlas/v2/orgs/{organization}/events",
        params={"minDate": "{start}", "maxDate": "{end}", "includeRaw": "true", "itemsPerPage": 500},
        headers={"Accept": "application/vnd.atlas.2023-01-01+json"},
    ),
    reading=v.ClosedWindows(),
    paging=v.PagePaging(param="pageNum"),
    records_at="results",
    fields=v.Fields(id="id", time="created", action="eventTypeName", actor_email="username", ip="remoteAddress"),
    auth=v.Token(url="/api/oauth/token"),
    errors=v.Errors(message_at="detail", code_at="errorCode"),
    rate_limit=v.RateLimit(requests=100, per=60),
    page_size=v.PageSize("itemsPerPage", 500),
    settings={"organization": v.Setting("the organisation's id")},
    credential={"login": "service account's client id", "password": "its secret"},
    access="A service account of the organisation with the role Organization Member; API keys with HTTP digest are not "
    "supported. Its IP access list applies to the requests.",
    limits="The next page's link is in an array, so pages are requested by number until one is empty.",
    confidence="A connector's code; vendor documentation for the token.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "100 requests a minute, per project.",
        "lookback": "no limit is known.",
        "fields": "partly not from documentation.",
        "errors": "names of the error's fields.",
        "request.headers": "the version of 2023-01-01 is the one that a connector asks for, the newest is of "
        "2025-03-12; until when the older is served is not stated.",
    },
)
