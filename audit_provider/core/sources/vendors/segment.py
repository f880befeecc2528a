"""Segment audit events. https://github.com/segmentio/public-api-sdk-python

The token's workspace: ``WorkspacesApi.get_workspace`` there.
"""

from audit_provider.core.sources import vocabulary as v

SEGMENT = v.SourceSpec(
    name="segment",
    title="Segment audit events",
    docs="https://github.com/segmentio/public-api-sdk-python",
    base_url="https://api.segmentapis.com",
    regions={"eu": "https://eu1.api.segmentapis.com"},
    request=v.Request(
        "GET",
        "/audit-events",
        params={"startTime": "{start}", "endTime": "{end}", "pagination[count]": 1000},
        headers={"Accept": "application/vnd.segment.v1+json"},
    ),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="pagination[cursor]", cursor_at="data.pagination.next"),
    records_at="data.events",
    fields=v.Fields(
        id="id",
        time="timestamp",
        action="type",
        actor_id="actor",
        actor_email="actorEmail",
        object_type="resourceType",
        object_id="resourceId",
    ),
    errors=v.Errors(message_at="errors", hints={"403": "the token must be a Public API token of a workspace owner."}),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("pagination[count]", 1000),
    probe=v.Probe("/", shows=("data.workspace.name",), account="data.workspace.id"),
    credential={"password": "Public API token"},
    access="A Public API token of the workspace, made by a workspace owner.",
    limits="Events show no address.",
    confidence="Vendor's SDK.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "lookback": "no limit was found.",
        "access": "which plan includes the audit trail.",
        "errors": "name of the errors' list.",
    },
)
