"""HCP Terraform audit trails. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/audit-trails"""

from audit_provider.core.sources import vocabulary as v

HCP_TERRAFORM = v.SourceSpec(
    name="hcp_terraform",
    title="HCP Terraform audit trails",
    docs="https://developer.hashicorp.com/terraform/cloud-docs/api-docs/audit-trails",
    base_url="https://app.terraform.io",
    request=v.Request("GET", "/api/v2/organization/audit-trail", params={"since": "{start}", "page[size]": 1000}),
    times="rfc3339_ms",
    reading=v.SinceScan(resumes=False),
    paging=v.PagePaging(param="page[number]", next_at="pagination.next_page"),
    records_at="data",
    fields=v.Fields(
        id="id",
        time="timestamp",
        action="resource.action",
        actor_id="auth.accessor_id",
        object_type="resource.type",
        object_id="resource.id",
    ),
    errors=v.Errors(
        message_at="errors",
        hints={
            "401": "put the organisation's token in the password; tokens of users and teams are not accepted.",
            "404": "the token is not the organisation's, or its plan has no audit trails.",
        },
    ),
    rate_limit=v.RateLimit(requests=30, per=1),
    page_size=v.PageSize("page[size]", 1000),
    lookback=v.days(14),
    credential={"password": "organisation token or audit-trail token"},
    access="A token of the organisation itself or an audit-trail token; tokens of users and teams are not accepted.",
    limits="Events are kept for 14 days.",
    confidence="Vendor documentation and a connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "30 requests a second is not from documentation; after a 429, the task waits as "
        "`X-RateLimit-Reset` says.",
        "reading": "newest first is from a connector's code; in another order the whole answer is read.",
        "fields": "action and actor are partly not from documentation; only newer records have the address, if any.",
    },
)
