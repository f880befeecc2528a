"""Workday user activity.

https://learn.microsoft.com/en-us/azure/databricks/ingestion/lakeflow-connect/workday-activity-logging-reference
"""

from audit_provider.core.sources import vocabulary as v

WORKDAY = v.SourceSpec(
    name="workday",
    title="Workday user activity",
    docs="https://learn.microsoft.com/en-us/azure/databricks/ingestion/lakeflow-connect/"
    "workday-activity-logging-reference",
    base_url="",
    host_example="https://wd2-impl-services1.workday.com",
    request=v.Request(
        "GET",
        "/ccx/api/privacy/v1/{tenant}/activityLogging",
        params={"from": "{start}", "to": "{end}", "limit": 1000, "instancesReturned": 1},
    ),
    reading=v.ClosedWindows(first_width=v.hours(6), max_width=v.days(1)),
    paging=v.OffsetPaging(param="offset", total_at="total"),
    records_at="data",
    fields=v.Fields(
        id="",
        time="requestTime",
        action="activityAction",
        actor_id="systemAccount",
        ip="ipAddress",
        user_agent="userAgent",
        object_type="target.descriptor",
        object_id="target.id",
    ),
    auth=v.Token(
        url="/ccx/oauth2/{tenant}/token",
        fields={"grant_type": "refresh_token", "refresh_token": "{refresh_token}"},
        client="fields",
    ),
    actions={"READ": "data.read", "CREATE": "content.create", "UPDATE": "content.update", "DELETE": "content.delete"},
    errors=v.Errors(message_at="error"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 1000),
    kept_shorter=(v.KeptShorter(v.days(30), "user activity"),),
    settings={
        "tenant": v.Setting("the tenant's name, as in its addresses"),
        "refresh_token": v.Setting("a refresh token of the API client that does not expire", secret=True),
    },
    credential={"login": "client id", "password": "client secret"},
    access="An API client for integrations with a refresh token that does not expire, for a user who may read user "
    "activity; in the tenant, *Enable User Activity Logging* must be on.",
    limits="Every page that somebody opens is an entry, so the log is large. Entries have no id; they are paged by "
    "number, "
    "so they are read once they are older than the strategy's `settle`.",
    confidence="Three connectors: their code, and one's reference page.",
    checked="2026-11-29",
    unconfirmed={
        "kept_shorter": "30 days by a connector's account; what is older is asked for all the same.",
        "page_size.most": "1,000 by a connector's account.",
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "actions": "names of actions are partly not from documentation.",
        "errors.message_at": "the form of an error's body.",
    },
)
