"""GitHub organisation audit log.

https://docs.github.com/en/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise/reviewing-audit-logs-for-your-enterprise/using-the-audit-log-api-for-your-enterprise
"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import LinkPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

GITHUB = SourceSpec(
    name="github",
    title="GitHub organisation audit log",
    docs="https://docs.github.com/en/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise/"
    "reviewing-audit-logs-for-your-enterprise/using-the-audit-log-api-for-your-enterprise",
    base_url="https://api.github.com",
    request=Request(
        "GET",
        "/orgs/{organization}/audit-log",
        params={"phrase": "created:{start}..{end}", "include": "{include}", "per_page": 100},
        headers={"Accept": "application/vnd.github+json"},
    ),
    reading=ClosedWindows(),
    paging=LinkPaging(),
    records_at="",
    fields=Fields(id="_document_id", time="@timestamp", action="action", actor_id="actor", ip="actor_ip"),
    errors=Errors(
        message_at="message",
        hints={
            "401": "put a personal access token or an app's token in the password.",
            "404": "check the setting 'organization', and that the token may see the organisation's audit log "
            "(scope read:audit_log, Enterprise Cloud).",
        },
    ),
    rate_limit=RateLimit(requests=1750, per=3600),
    page_size_key="per_page",
    page_size_limit=100,
    lookback=timedelta(days=180),
    settings={
        "organization": Setting("the organisation's name"),
        "include": Setting("which events: web, git or all", default="all"),
    },
    credential={"password": "personal access token or app token with `read:audit_log`"},
    access="A personal access token or app token with the scope read:audit_log, for an organisation on "
    "Enterprise Cloud.",
    limits="1,750 requests an hour per user and IP address. Git events are kept 7 days, all others 180. The address of "
    "the actor is there only where the enterprise discloses it.",
    confidence="Vendor documentation, two connectors' code.",
    unconfirmed={
        "reading.overlap": "events come late without a stated bound; the hourly sweep looks 24 h back.",
        "errors.message_at": "the form of an error's body.",
        "fields": "names of action, actor and address are partly general knowledge.",
    },
)
