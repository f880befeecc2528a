"""Cursor audit logs. https://cursor.com/docs/account/teams/admin-api"""

from audit_provider.core.sources import vocabulary as v

CURSOR = v.SourceSpec(
    name="cursor",
    title="Cursor audit logs",
    docs="https://cursor.com/docs/account/teams/admin-api",
    base_url="https://api.cursor.com",
    request=v.Request(
        "GET", "/teams/audit-logs", params={"startTime": "{start}", "endTime": "{end}", "page": 1, "pageSize": 500}
    ),
    reading=v.ClosedWindows(first_width=v.days(29), max_width=v.days(29)),
    paging=v.PagePaging(param="page", more_at="pagination.hasNextPage"),
    records_at="events",
    fields=v.Fields(
        id="event_id",
        time="timestamp",
        action="event_type",
        actor_email="user_email",
        ip="ip_address | event_data.ip_address",
        user_agent="event_data.user_agent",
        outcome="event_data.success",
        target_email="event_data.user_email",
        target_group="event_data.directory_group_id",
        role="event_data.role | event_data.new_role",
    ),
    auth=v.Basic(login="{password}", password=""),
    actions={
        "login": "authentication.login",
        "logout": "authentication.logout",
        "add_user": "user.create",
        "remove_user": "user.delete",
        "update_user_role": "access.update",
        "create_directory_group": "group.create",
        "add_user_to_directory_group": "group.add_member",
        "remove_user_from_directory_group": "group.remove_member",
        "team_api_key": "token.update",
        "user_api_key": "token.update",
        "team_settings": "settings.update",
        "privacy_mode": "settings.update",
        "mcp_server_config": "settings.update",
        "bugbot_installation": "settings.update",
        "team_hook": "settings.update",
        "team_rule": "settings.update",
        "user_spend_limit": "billing.update",
    },
    watched=frozenset({"update_user_role", "team_api_key", "privacy_mode", "team_hook"}),
    errors=v.Errors(message_at="message", hints={"401": "put an admin API key of the team in the password."}),
    rate_limit=v.RateLimit(requests=20, per=60),
    page_size=v.PageSize("pageSize", 500),
    lookback=v.days(30),
    credential={"password": "admin API key (`crsr_…`)"},
    access="An admin API key of the team, on the Enterprise plan.",
    limits="30 days a query, 30 days back, 20 requests a minute. The log has the acts of administrators and sign-ins, "
    "not "
    "what agents do.",
    confidence="Vendor documentation by a copy, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "30 days by a connector's account.",
        "errors.message_at": "the form of an error's body.",
    },
)
