"""LaunchDarkly audit log. https://launchdarkly.com/docs/api/audit-log/get-audit-log-entries"""

from __future__ import annotations

from audit_provider.core.auth import Header
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import NextUrlPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

LAUNCHDARKLY = SourceSpec(
    name="launchdarkly",
    title="LaunchDarkly audit log",
    docs="https://launchdarkly.com/docs/api/audit-log/get-audit-log-entries",
    base_url="https://app.launchdarkly.com",
    request=Request("GET", "/api/v2/auditlog", params={"after": "{start}", "before": "{end}", "limit": 20}),
    times="epoch_ms",
    reading=ClosedWindows(),
    paging=NextUrlPaging(url_at="_links.next.href"),
    records_at="items",
    auth=Header({"Authorization": "{password}"}),
    fields=Fields(
        id="_id",
        time="date",
        action="titleVerb",
        actor_id="member._id",
        actor_email="member.email",
        object_type="kind",
    ),
    errors=Errors(message_at="message", code_at="code"),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="limit",
    page_size_limit=20,
    credential={"password": "API access token"},
    access="An API access token with a role that may read the audit log; it is sent without a scheme.",
    limits="20 entries a page. What changed in detail needs one more request per entry and is not read.",
    confidence="Vendor documentation, one connector's code.",
    unconfirmed={
        "rate_limit": "no figure is in the facts; the X-RateLimit headers are heeded.",
        "lookback": "no limit is in the facts.",
        "errors": "the form of an error's body.",
        "fields": "names of action, actor and kind are partly general knowledge.",
    },
)
