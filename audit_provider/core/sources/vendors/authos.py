"""AuthOS organisation audit log. https://authos.dev/docs/api/reference/audit-logs"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.authos_actions import ACTIONS, WATCHED

AUTHOS = v.SourceSpec(
    name="authos",
    title="AuthOS organisation audit log",
    docs="https://authos.dev/docs/api/reference/audit-logs",
    base_url="",
    host_example="https://sso.example.com",
    request=v.Request("GET", "/api/organizations/{organization}/audit-log", params={"limit": 100}),
    reading=v.HeadScan(),
    paging=v.PagePaging(param="page", more_at="pagination.has_next", total_at="pagination.total"),
    records_at="logs",
    fields=v.Fields(
        id="id",
        time="created_at",
        action="action",
        actor_id="actor_id | actor_user_id",
        actor_email="actor.email | actor_email",
        ip="ip_address",
        user_agent="user_agent",
        outcome="success",
        object_type="target_type",
        object_id="target_id",
        organization="organization_id | org_id",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="error",
        code_at="error_code",
        slow_codes=("TOO_MANY_REQUESTS",),
        passing_codes=("SERVICE_UNAVAILABLE",),
        hints={
            "FORBIDDEN": "the user needs the capability audit_logs.view (owner, admin, or a role that has it).",
            "FEATURE_NOT_AVAILABLE_IN_TIER": "the organisation's plan does not include audit logs.",
            "TOKEN_EXPIRED": "the user's token has expired: put a new one into the password.",
            "NOT_FOUND": "there is no such organisation: check the setting 'organization'.",
        },
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 100),
    settings={"organization": v.Setting("the organisation's slug")},
    credential={"password": "a user's JWT"},
    access="A JWT of a user with the capability audit_logs.view (owner, admin, or a role that has it).",
    limits="100 records a page, by offset, no time filter. Logins and MFA checks are not part of this list.",
    confidence="Vendor documentation and source code, one revision.",
    checked="2026-11-29",
    unconfirmed={
        "auth": "whether service keys are accepted; a `token` that is fetched and renewed can be set instead.",
        "rate_limit": "no limit was found.",
        "fields": "documentation and source code name the actor differently; both names are tried.",
    },
)
