"""Intercom admin activity logs. https://github.com/intercom/Intercom-OpenAPI"""

from audit_provider.core.sources import vocabulary as v

INTERCOM = v.SourceSpec(
    name="intercom",
    title="Intercom admin activity logs",
    docs="https://github.com/intercom/Intercom-OpenAPI",
    base_url="https://api.intercom.io",
    regions={"eu": "https://api.eu.intercom.io", "au": "https://api.au.intercom.io"},
    request=v.Request(
        "GET",
        "/admins/activity_logs",
        params={"created_at_after": "{start}", "created_at_before": "{end}"},
        headers={"Intercom-Version": "2.15"},
    ),
    times="epoch",
    reading=v.ClosedWindows(),
    paging=v.NextUrlPaging(url_at="pages.next"),
    records_at="activity_logs",
    fields=v.Fields(
        id="id",
        time="created_at",
        action="activity_type",
        actor_id="performed_by.id",
        actor_email="performed_by.email",
        ip="performed_by.ip",
    ),
    errors=v.Errors(
        message_at="errors",
        hints={
            "401": "the access token is wrong, or of another region: set the connection's host to the region's.",
            "403": "the app's plan or rights do not include the admin activity logs.",
        },
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    credential={"password": "access token"},
    access="An access token of an app of the workspace that may read admins (read_admins).",
    limits="About 20 events a page. Versions of the API up to 2.16 exist: set another one under `request.headers`. "
    "`event_types` in `request.params` chooses among the types of events.",
    confidence="Vendor's OpenAPI text.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "a low value to be safe; after a 429, the task waits as `X-RateLimit-Reset` says.",
        "lookback": "no limit was found.",
        "access": "which scope is sufficient.",
    },
)
