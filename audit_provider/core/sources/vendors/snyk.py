"""Snyk audit logs: of an organisation, and of a group. https://docs.snyk.io/snyk-api/reference/audit-logs"""

from audit_provider.core.sources import vocabulary as v

SNYK = v.SourceSpec(
    name="snyk",
    title="Snyk audit logs",
    docs="https://docs.snyk.io/snyk-api/reference/audit-logs",
    base_url="https://api.snyk.io",
    regions={"us": "https://api.us.snyk.io", "eu": "https://api.eu.snyk.io", "au": "https://api.au.snyk.io"},
    request=v.Request(
        "GET",
        "/rest/orgs/{organization}/audit_logs/search",
        params={"version": "2024-04-29", "from": "{start}", "to": "{end}", "size": 100, "sort_order": "ASC"},
        headers={"Accept": "application/vnd.api+json"},
    ),
    reading=v.ClosedWindows(),
    paging=v.NextUrlPaging(url_at="links.next"),
    records_at="data.items",
    records_may_be_absent=True,
    fields=v.Fields(id="", time="created", action="event", actor_id="user_id"),
    auth=v.Header({"Authorization": "Token {password}"}),
    errors=v.Errors(
        message_at="errors",
        hints={"403": "the token's user or service account needs the right to view the organisation's audit logs."},
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("size", 100),
    lookback=v.days(90),
    settings={"organization": v.Setting("the organisation's id (a UUID)")},
    credential={"password": "API token"},
    access="An API token of a service account or user that may view the organisation's audit logs (Enterprise plan).",
    limits="Events of type `api.access` and logins are left out unless they are asked for. Events have no id. "
    "A group has a log of its own, `snyk_group`.",
    confidence="A connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "90 days.",
        "page_size.most": "100 events a page.",
        "rate_limit": "a careful value; the X-RateLimit headers are heeded.",
        "records_may_be_absent": "a connector allows for an answer without `data.items`; it was not seen.",
        "fields": "seen in a connector only.",
        "access": "which right and plan are needed.",
    },
)

SNYK_GROUP = v.replace(
    SNYK,
    name="snyk_group",
    title="Snyk group audit logs",
    request=v.replace(SNYK.request, path="/rest/groups/{group}/audit_logs/search"),
    errors=v.replace(
        SNYK.errors,
        hints={"403": "the token's user or service account needs the right to view the group's audit logs."},
    ),
    settings={"group": v.Setting("the group's id (a UUID)")},
    access="An API token of a service account or user that may view the group's audit logs (Enterprise plan).",
    limits="Events of type `api.access` and logins are left out unless they are asked for. Events have no id.",
)
