"""Slack Audit Logs. https://docs.slack.dev/admins/audit-logs-api/"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.slack_actions import ACTIONS, WATCHED

SLACK = v.SourceSpec(
    name="slack",
    title="Slack Audit Logs",
    docs="https://docs.slack.dev/admins/audit-logs-api/",
    base_url="https://api.slack.com",
    request=v.Request("GET", "/audit/v1/logs", params={"oldest": "{start}", "latest": "{end}", "limit": 1000}),
    times="epoch",
    reading=v.ClosedWindows(overlap=v.minutes(2)),
    paging=v.CursorPaging(param="cursor", cursor_at="response_metadata.next_cursor"),
    records_at="entries",
    fields=v.Fields(
        id="id",
        time="date_create",
        action="action",
        actor_id="actor.user.id",
        actor_email="actor.user.email",
        actor_name="actor.user.name",
        ip="context.ip_address",
        user_agent="context.ua",
        object_type="entity.type",
        object_id="entity.user.id | entity.channel.id | entity.file.id | entity.app.id | entity.workflow.id | "
        "entity.workspace.id | entity.enterprise.id",
        target_email="entity.user.email",
        organization="context.location.id",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(
        code_at="error",
        ok_at="ok",
        slow_codes=("ratelimited", "rate_limited"),
        passing_codes=("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"),
        cursor_codes=("invalid_cursor",),
        hints={
            "missing_scope": "the token lacks the scope auditlogs:read: install the app with it on the organisation.",
            "feature_not_enabled": "audit logs need the Enterprise plan.",
            "user_not_authorized": "the app must be installed by the organisation's Owner, not by an Admin.",
            "team_not_authorized": "the app must be installed on the organisation and not on a workspace.",
            "invalid_auth": "put a user token (xoxp-) in the password; bot tokens are not accepted.",
        },
    ),
    rate_limit=v.RateLimit(requests=50, per=60),
    page_size=v.PageSize("limit", 9999),
    credential={"password": "user token (`xoxp-…`)"},
    access="A user token (xoxp-) with the scope auditlogs:read, of an app that the Owner installed on the organisation "
    "(Enterprise).",
    limits="The budget is the whole organisation's, not the app's. Nothing from before March 2018.",
    confidence="Vendor documentation, two connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "no limit was found.",
        "errors.cursor_codes": "seen in connectors only.",
        "errors.passing_codes": "documented for Slack's other APIs.",
        "reading.overlap": "nothing is documented about late events; the hourly sweep looks back 24 h.",
    },
)
