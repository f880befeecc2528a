"""Anthropic Compliance activities. https://platform.claude.com/docs/en/manage-claude/compliance-activity-feed"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.anthropic_actions import ACTIONS, WATCHED

ANTHROPIC_COMPLIANCE = v.SourceSpec(
    name="anthropic_compliance",
    title="Anthropic Compliance activities",
    docs="https://platform.claude.com/docs/en/manage-claude/compliance-activity-feed",
    base_url="https://api.anthropic.com",
    request=v.Request(
        "GET",
        "/v1/compliance/activities",
        params={"created_at.gte": "{start}", "created_at.lt": "{end}", "limit": 1000},
        headers={"anthropic-version": "2023-06-01"},
    ),
    reading=v.ClosedWindows(),
    paging=v.ObjectIdPaging(param="after_id", more_at="has_more"),
    records_at="data",
    fields=v.Fields(
        id="id",
        time="created_at",
        action="type",
        actor_id="actor.user_id | actor.api_key_id",
        actor_email="actor.email_address",
        ip="actor.ip_address",
        user_agent="actor.user_agent",
    ),
    auth=v.Header({"x-api-key": "{password}"}),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        message_at="error.message",
        code_at="error.type",
        hints={"permission_error": "create a compliance access key with the scope read:compliance_activities."},
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 1000),
    lookback=v.days(2190),
    credential={"password": "compliance access key"},
    access="A compliance access key with the scope read:compliance_activities, made by the primary owner of an "
    "Enterprise "
    "organisation that has switched the Compliance API on.",
    limits="Activities are kept for 6 years; there are none from before the API was switched on. They show within a "
    "minute. Each request of this source is itself an activity, `compliance_api_accessed`.",
    confidence="Vendor documentation, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "page_size.most": "larger pages are said to be possible.",
    },
)
