"""Sentry organisation audit log.

https://github.com/getsentry/sentry/blob/master/src/sentry/core/endpoints/organization_auditlogs.py
"""

from audit_provider.core.sources import vocabulary as v

SENTRY = v.SourceSpec(
    name="sentry",
    title="Sentry organisation audit log",
    docs="https://github.com/getsentry/sentry/blob/master/src/sentry/core/endpoints/organization_auditlogs.py",
    base_url="https://sentry.io",
    page_url="https://sentry.io/settings/{organization}/audit-log/",
    request=v.Request(
        "GET", "/api/0/organizations/{organization}/audit-logs/", params={"start": "{start}", "end": "{end}"}
    ),
    reading=v.ClosedWindows(),
    paging=v.LinkPaging(results=True),
    records_at="rows",
    fields=v.Fields(
        id="id",
        time="dateCreated",
        action="event",
        actor_id="actor.id",
        actor_email="actor.email",
        ip="ipAddress",
        object_id="targetObject",
    ),
    errors=v.Errors(
        message_at="detail",
        hints={
            "403": "the token's user must be an owner or manager of the organisation, and the token needs org:read.",
            "404": "there is no such organisation: check the setting 'organization', and the host.",
        },
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    settings={"organization": v.Setting("the organisation's slug")},
    credential={"password": "auth token"},
    access="An auth token with the scope org:read, of somebody who may see the organisation's audit log.",
    limits="About 100 events a page. Only sentry.io itself serves this log, not the hosts of its regions. A server of "
    "your "
    "own that is too old to know `start` and `end` gives the whole log each time: read it with `request: {params: "
    "{}}` and "
    "`reading: {type: head_scan}`.",
    confidence="Vendor's source code, one revision.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "a low value to be safe; after a 429, the task waits as `X-Sentry-Rate-Limit-Reset` says.",
        "base_url": "that only sentry.io serves it is read from the source code, not from the service.",
        "access": "which scope is sufficient.",
        "fields": "partly not from documentation.",
    },
)
