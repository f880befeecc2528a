"""Jira audit records. https://github.com/hashicorp-forge/grove/tree/main/grove/connectors/atlassian_site"""

from audit_provider.core.sources import vocabulary as v

JIRA = v.SourceSpec(
    name="jira",
    title="Jira audit records",
    docs="https://github.com/hashicorp-forge/grove/tree/main/grove/connectors/atlassian_site",
    base_url="",
    host_example="https://example.atlassian.net",
    page_url="https://{host}/auditing/view",
    request=v.Request("GET", "/rest/api/3/auditing/record", params={"from": "{start}", "to": "{end}", "limit": 1000}),
    reading=v.ClosedWindows(),
    paging=v.OffsetPaging(param="offset", total_at="total"),
    records_at="records",
    fields=v.Fields(
        id="id",
        time="created",
        action="summary",
        actor_id="authorAccountId",
        ip="remoteAddress",
        object_type="objectItem.typeName",
        object_id="objectItem.id",
    ),
    auth=v.Basic(),
    errors=v.Errors(
        message_at="errorMessages",
        hints={"403": "the user of the API token needs the global permission Administer Jira."},
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 1000),
    credential={"login": "e-mail address", "password": "API token"},
    access="An API token of a user with the global permission Administer Jira; the login is the user's e-mail address.",
    limits="Records are kept for about 180 days by default.",
    confidence="Two connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "180 days by default; a site may keep records for longer, so nothing is cut off here.",
        "rate_limit": "a low value to be safe; after a 429, the task waits as `Retry-After` says.",
        "fields": "partly not from documentation.",
        "errors": "names of the error's fields.",
    },
)
