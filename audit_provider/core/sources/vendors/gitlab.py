"""GitLab group audit events. https://docs.gitlab.com/api/audit_events/"""

from audit_provider.core.sources import vocabulary as v

GITLAB = v.SourceSpec(
    name="gitlab",
    title="GitLab group audit events",
    docs="https://docs.gitlab.com/api/audit_events/",
    base_url="https://gitlab.com",
    host_example="https://gitlab.example.com",
    request=v.Request(
        "GET",
        "/api/v4/groups/{group}/audit_events",
        params={"created_after": "{start}", "created_before": "{end}", "pagination": "keyset", "per_page": 100},
    ),
    reading=v.ClosedWindows(max_width=v.days(29)),
    paging=v.LinkPaging(),
    records_at="",
    auth=v.Header({"PRIVATE-TOKEN": "{password}"}),
    fields=v.Fields(
        id="id",
        time="created_at",
        action="event_type",
        actor_id="author_id",
        actor_email="details.author_email",
        ip="details.ip_address",
        object_type="entity_type",
        object_id="entity_id",
    ),
    errors=v.Errors(message_at="message", hints={"404": "check the setting 'group', and that the token may see it."}),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("per_page", 100),
    settings={"group": v.Setting("the group's id or full path")},
    credential={"password": "access token"},
    access="An access token of an Owner of the group, on Premium or Ultimate.",
    limits="Pages by keyset need GitLab 15.11 or newer. Older events have no `event_type`.",
    confidence="Vendor documentation.",
    unconfirmed={
        "reading.max_width": "30 days a query are documented for the whole instance; kept for groups too.",
        "rate_limit": "no figure is in the facts; a 429 with Retry-After is waited out.",
        "lookback": "no limit is stated.",
        "errors.message_at": "the form of an error's body.",
    },
)
