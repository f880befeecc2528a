"""Zendesk audit logs. https://github.com/hashicorp-forge/grove/tree/main/grove/connectors/zendesk"""

from audit_provider.core.sources import vocabulary as v

ZENDESK = v.SourceSpec(
    name="zendesk",
    title="Zendesk audit logs",
    docs="https://developer.zendesk.com/api-reference/ticketing/account-configuration/audit_logs/",
    base_url="",
    host_example="https://example.zendesk.com",
    page_url="https://{host}/admin/account/logs/audit_logs",
    request=v.Request(
        "GET", "/api/v2/audit_logs.json", params={"filter[created_at][]": ["{start}", "{end}"], "page[size]": 100}
    ),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="page[after]", cursor_at="meta.after_cursor", more_at="meta.has_more"),
    records_at="audit_logs",
    auth=v.Basic(login="{login}/token"),
    fields=v.Fields(
        id="id",
        time="created_at",
        action="action",
        actor_id="actor_id",
        ip="ip_address",
        object_type="source_type",
        object_id="source_id",
    ),
    errors=v.Errors(message_at="error"),
    rate_limit=v.RateLimit(requests=10, per=60),
    page_size=v.PageSize("page[size]", 100),
    limits="Events are kept since the account was made.",
    credential={"login": "e-mail address of an admin, without `/token`", "password": "API token"},
    access="An API token, with the e-mail address of an admin as login, on a plan with the audit log (Enterprise).",
    confidence="One connector's code; names of fields from the vendor's documentation.",
    checked="2026-11-29",
    unconfirmed={
        "request.params": "seen in a connector only; whether the two bounds are inclusive.",
        "paging": "seen in a connector only.",
        "page_size.most": "seen in a connector only.",
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "errors.message_at": "the form of an error's body.",
    },
)
