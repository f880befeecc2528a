"""GitHub audit logs: of an organisation, and of an enterprise.

https://docs.github.com/en/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise/reviewing-audit-logs-for-your-enterprise/using-the-audit-log-api-for-your-enterprise
"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.github_actions import ACTIONS, WATCHED

GITHUB = v.SourceSpec(
    name="github",
    title="GitHub organisation audit log",
    docs="https://docs.github.com/en/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise/"
    "reviewing-audit-logs-for-your-enterprise/using-the-audit-log-api-for-your-enterprise",
    base_url="https://api.github.com",
    page_url="https://github.com/organizations/{organization}/settings/audit-log",
    request=v.Request(
        "GET",
        "/orgs/{organization}/audit-log",
        params={"phrase": "created:{start}..{end}", "include": "{include}", "per_page": 100},
        headers={"Accept": "application/vnd.github+json"},
    ),
    reading=v.ClosedWindows(),
    paging=v.LinkPaging(),
    records_at="",
    fields=v.Fields(
        id="_document_id",
        time="@timestamp | created_at",
        action="action",
        actor_id="actor",
        ip="actor_ip",
        user_agent="user_agent",
        object_id="repo",
        target_user="user",
        target_group="team",
        role="permission",
        organization="org",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="message",
        slow_texts=("secondary rate limit", "abuse detection"),
        hints={
            "401": "put a personal access token or an app's token in the password.",
            "404": "check the setting 'organization', and that the token may see the organisation's audit log "
            "(scope read:audit_log, Enterprise Cloud).",
        },
    ),
    rate_limit=v.RateLimit(requests=1750, per=3600),
    page_size=v.PageSize("per_page", 100),
    lookback=v.days(180),
    kept_shorter=(v.KeptShorter(v.days(7), "git events", "include", ("all", "git")),),
    settings={
        "organization": v.Setting("the organisation's name"),
        "include": v.Setting("which events: web, git or all", default="all"),
    },
    credential={"password": "personal access token or app token with `read:audit_log`"},
    access="A personal access token or app token with the scope read:audit_log, for an organisation on "
    "Enterprise Cloud.",
    limits="1,750 requests an hour per user and IP address. Git events are kept 7 days, all others 180. The address of "
    "the actor is there only where the enterprise discloses it.",
    confidence="Vendor documentation, two connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "reading.overlap": "events come late without a stated bound; the hourly sweep looks 24 h back.",
        "base_url": "with data residency the API is at https://api.SUBDOMAIN.ghe.com: set that as the host; that it "
        "serves the audit log under the same path was not seen.",
        "errors.message_at": "the form of an error's body.",
        "fields": "names of action, actor and address are partly not from documentation.",
    },
)

GITHUB_ENTERPRISE = v.replace(
    GITHUB,
    name="github_enterprise",
    title="GitHub enterprise audit log",
    page_url="",
    request=v.replace(GITHUB.request, path="/enterprises/{enterprise}/audit-log"),
    errors=v.replace(
        GITHUB.errors,
        hints={
            "401": "put a personal access token in the password.",
            "404": "check the setting 'enterprise', and that the token may see the enterprise's audit log (scope "
            "read:audit_log).",
        },
    ),
    settings={
        "enterprise": v.Setting("the enterprise's name, as in its address"),
        "include": GITHUB.settings["include"],
    },
    credential={"password": "personal access token with `read:audit_log`"},
    access="A personal access token with the scope read:audit_log, of somebody who may see the enterprise's audit log, "
    "on Enterprise Cloud.",
)
