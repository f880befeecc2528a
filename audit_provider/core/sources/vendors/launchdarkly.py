"""LaunchDarkly audit log. https://launchdarkly.com/docs/api/audit-log/get-audit-log-entries

The token's account: https://launchdarkly.com/docs/api/other/get-caller-identity.
"""

from audit_provider.core.sources import vocabulary as v

LAUNCHDARKLY = v.SourceSpec(
    name="launchdarkly",
    title="LaunchDarkly audit log",
    docs="https://launchdarkly.com/docs/api/audit-log/get-audit-log-entries",
    base_url="https://app.launchdarkly.com",
    regions={"eu": "https://app.eu.launchdarkly.com", "us_federal": "https://app.launchdarkly.us"},
    request=v.Request(
        "GET",
        "/api/v2/auditlog",
        params={"after": "{start}", "before": "{end}", "limit": 20},
        headers={"LD-API-Version": "20240415"},
    ),
    times="epoch_ms",
    reading=v.ClosedWindows(),
    # The link leads to what happened before the last entry of the page, without others of its millisecond.
    paging=v.NextUrlPaging(url_at="_links.next.href", before="before"),
    records_at="items",
    auth=v.Header({"Authorization": "{password}"}),
    fields=v.Fields(
        id="_id", time="date", action="titleVerb", actor_id="member._id", actor_email="member.email", object_type="kind"
    ),
    errors=v.Errors(message_at="message", code_at="code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 20),
    probe=v.Probe("/api/v2/caller-identity", account="accountId"),
    credential={"password": "API access token"},
    access="An API access token with a role that may read the audit log; it is sent without a scheme.",
    limits="20 entries a page: of more than 20 in one millisecond, the link to the next page skips the rest. What "
    "changed in detail needs one more request per entry and is not read.",
    confidence="Vendor documentation, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "no figure was found; the `X-RateLimit` headers are used, including the token's own.",
        "lookback": "no limit was found.",
        "paging.before": "that the link holds the time of the last entry is seen in answers that a connector recorded.",
        "fields": "names of action, actor and kind are partly not from documentation.",
    },
)
