"""Google Workspace activities. https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.google_workspace_actions import ACTIONS, WATCHED
from audit_provider.core.wire.assertion import service_account

_APPLICATIONS = "login,admin,drive,token,groups,user_accounts,saml,mobile,calendar,chat,meet,gcp,rules"
_SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"

GOOGLE_WORKSPACE = v.SourceSpec(
    name="google_workspace",
    title="Google Workspace activities",
    docs="https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list",
    base_url="https://admin.googleapis.com",
    request=v.Request(
        "GET",
        "/admin/reports/v1/activity/users/all/applications/{applications}",
        params={"startTime": "{start}", "endTime": "{end}", "maxResults": 1000},
    ),
    # Google refuses more than 30 days of the application gmail.
    reading=v.ClosedWindows(
        overlap=v.hours(1),
        sweep_every=v.hours(6),
        sweep_reach=v.hours(80),
        first_width=v.days(29),
        max_width=v.days(29),
    ),
    paging=v.CursorPaging(param="pageToken", cursor_at="nextPageToken"),
    records_at="items",
    records_may_be_absent=True,
    explode_at="events",
    each="applications",
    fields=v.Fields(
        id="id.time + id.uniqueQualifier + id.applicationName",
        time="id.time",
        action="events.0.name",
        actor_id="actor.profileId",
        actor_email="actor.email",
        ip="ipAddress",
        organization="id.customerId",
    ),
    actions=ACTIONS,
    categories={"suspicious_login": "authentication"},
    watched=WATCHED,
    auth=service_account(_SCOPE, subject="{login}"),
    errors=v.Errors(message_at="error.message", code_at="error.status"),
    rate_limit=v.RateLimit(requests=2400, per=60),
    page_size=v.PageSize("maxResults", 1000),
    lookback=v.days(180),
    settings={"applications": v.Setting("the applications whose activities are read, as a list", _APPLICATIONS)},
    credential={
        "login": "e-mail address of an administrator, for whom the service account reads",
        "password": "the service account's key file (JSON, as downloaded)",
    },
    access=f"A service account with domain-wide delegation for the scope `{_SCOPE}`, its key file, and the address of "
    "an administrator who may see reports.",
    limits="Activities appear after minutes to three days, depending on the application: a sweep reaches back that "
    "far. An activity may hold several events; each becomes an event of its own.",
    confidence="Vendor documentation, two connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "actions": "names of actions are partly not from documentation; those without a meaning are read all the same.",
        "rate_limit": "2,400 requests a minute, per project.",
        "settings": "the applications are the 13 best known of more than 33.",
        "errors": "names of the error's fields.",
    },
)
