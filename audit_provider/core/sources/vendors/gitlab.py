"""GitLab group audit events. https://docs.gitlab.com/api/audit_events/"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.auth import Header
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import LinkPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

GITLAB = SourceSpec(
    name="gitlab",
    title="GitLab group audit events",
    docs="https://docs.gitlab.com/api/audit_events/",
    base_url="https://gitlab.com",
    host_example="https://gitlab.example.com",
    request=Request(
        "GET",
        "/api/v4/groups/{group}/audit_events",
        params={"created_after": "{start}", "created_before": "{end}", "pagination": "keyset", "per_page": 100},
    ),
    reading=ClosedWindows(max_width=timedelta(days=29)),
    paging=LinkPaging(),
    records_at="",
    auth=Header({"PRIVATE-TOKEN": "{password}"}),
    fields=Fields(
        id="id",
        time="created_at",
        action="event_type",
        actor_id="author_id",
        actor_email="details.author_email",
        ip="details.ip_address",
        object_type="entity_type",
        object_id="entity_id",
    ),
    errors=Errors(message_at="message", hints={"404": "check the setting 'group', and that the token may see it."}),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="per_page",
    page_size_limit=100,
    settings={"group": Setting("the group's id or full path")},
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
