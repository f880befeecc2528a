"""Confluence audit log. https://github.com/criblio/collector-templates/tree/main/collectors/rest/atlassian"""

from audit_provider.core.sources import vocabulary as v

CONFLUENCE = v.SourceSpec(
    name="confluence",
    title="Confluence audit log",
    docs="https://github.com/criblio/collector-templates/tree/main/collectors/rest/atlassian",
    base_url="",
    host_example="https://example.atlassian.net",
    request=v.Request(
        "GET", "/wiki/rest/api/audit", params={"startDate": "{start}", "endDate": "{end}", "limit": 1000}
    ),
    times="epoch_ms",
    reading=v.ClosedWindows(),
    paging=v.OffsetPaging(param="start"),
    records_at="results",
    fields=v.Fields(
        id="",
        time="creationDate",
        action="summary",
        actor_id="author.accountId",
        ip="remoteAddress",
        object_type="affectedObject.objectType",
    ),
    auth=v.Basic(),
    errors=v.Errors(
        message_at="message", hints={"403": "the user of the API token must be an administrator of Confluence."}
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 1000),
    credential={"login": "e-mail address", "password": "API token"},
    access="An API token of a Confluence administrator; the login is the user's e-mail address.",
    limits="Records have no id. How long they are kept is a setting of the site.",
    confidence="A connector's template.",
    checked="2026-11-29",
    unconfirmed={
        "paging": "the base of the relative `_links.next` is not documented, so pages are requested by `start`.",
        "lookback": "how long records are kept.",
        "rate_limit": "a low value to be safe; after a 429, the task waits as `Retry-After` says.",
        "fields": "partly not from documentation.",
        "errors": "names of the error's fields.",
    },
)
