"""Microsoft 365 activity. https://learn.microsoft.com/office/office-365-management-api/"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.microsoft365_actions import ACTIONS, WATCHED

_FEED = "/api/v1.0/{tenant}/activity/feed/subscriptions"
_ASKED = {"contentType": "{content_types}", "PublisherIdentifier": "{tenant}"}

MICROSOFT365 = v.SourceSpec(
    name="microsoft365",
    title="Microsoft 365 management activity",
    docs="https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference",
    base_url="https://manage.office.com",
    preparation=v.Preparation(v.Request("POST", f"{_FEED}/start", params=_ASKED), done_codes=("AF20024",)),
    request=v.Request("GET", f"{_FEED}/content", params={**_ASKED, "startTime": "{start}", "endTime": "{end}"}),
    times="rfc3339_no_zone",
    reading=v.FileExport(
        settle=v.minutes(0),
        overlap=v.hours(36),
        min_width=v.minutes(1 / 60),
        max_width=v.hours(24),
        list_width=v.hours(24),
        made_within=v.hours(24),
    ),
    paging=v.NextUrlPaging(url_at="header: NextPageUri"),
    export=v.FileList(
        id_at="contentId",
        created_at="contentCreated",
        url_at="contentUri",
        expires_at="contentExpiration",
        never_empty=True,
    ),
    records_at="",
    each="content_types",
    fields=v.Fields(
        id="Id",
        time="CreationTime",
        action="Operation",
        actor_id="UserKey",
        actor_email="UserId",
        ip="ClientIP",
        outcome="ResultStatus",
        object_type="Workload",
        object_id="ObjectId",
        organization="OrganizationId",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    auth=v.Token(
        url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        fields={"grant_type": "client_credentials", "scope": "https://manage.office.com/.default"},
        client="fields",
    ),
    errors=v.Errors(message_at="error.message", code_at="error.code"),
    rate_limit=v.RateLimit(requests=2000, per=60),
    lookback=v.days(7),
    settings={
        "tenant": v.Setting("the directory (tenant) id"),
        "content_types": v.Setting(
            "the kinds of content that are read, as a list",
            "Audit.AzureActiveDirectory,Audit.Exchange,Audit.SharePoint,Audit.General,DLP.All",
        ),
    },
    credential={"login": "application (client) id", "password": "client secret"},
    access="An application in Microsoft Entra with the permission `ActivityFeed.Read` of the Office 365 Management "
    "APIs, granted by an administrator, and auditing switched on in the tenant. `DLP.All` needs `ActivityFeed.ReadDlp` "
    "as well: without it, leave that kind out of `content_types`.",
    limits="The first run, and *Test*, start a subscription for each kind of content; its first events appear up to 12 "
    "hours later. Events come in files, usually within 90 minutes, at times after a day and more, and are kept for 7 "
    "days: after an outage of a week, the older ones are a gap.",
    confidence="Vendor documentation, a connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "actions": "names of actions are partly not from documentation; those without a meaning are read all the same.",
        "access": "that `DLP.All` needs a permission of its own is general knowledge.",
        "reading": "Microsoft promises no time within which a file is listed: the last 36 hours are listed each time.",
        "errors": "names of the error's fields.",
    },
)
