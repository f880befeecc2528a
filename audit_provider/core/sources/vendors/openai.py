"""OpenAI organisation audit logs. https://github.com/openai/openai-openapi"""

from __future__ import annotations

from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import ObjectIdPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

OPENAI = SourceSpec(
    name="openai",
    title="OpenAI organisation audit logs",
    docs="https://github.com/openai/openai-openapi",
    base_url="https://api.openai.com",
    request=Request(
        "GET",
        "/v1/organization/audit_logs",
        params={"effective_at[gte]": "{start}", "effective_at[lt]": "{end}", "limit": 100},
    ),
    times="epoch",
    reading=ClosedWindows(),
    paging=ObjectIdPaging(param="after", more_at="has_more"),
    records_at="data",
    fields=Fields(
        id="id",
        time="effective_at",
        action="type",
        actor_id="actor.session.user.id",
        actor_email="actor.session.user.email",
        ip="actor.session.ip_address",
    ),
    errors=Errors(message_at="error.message", code_at="error.code"),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="limit",
    page_size_limit=100,
    credential={"password": "admin key"},
    access="An admin key of the organisation; keys of a project are not accepted.",
    limits="Of events that an API key caused, the actor stands below `actor.api_key`.",
    confidence="Vendor specification, one connector's code.",
    unconfirmed={
        "paging": "newest first is not in the specification; `after` follows the list's own order.",
        "rate_limit": "no figure is in the facts; a 429 is waited out.",
        "lookback": "no limit is in the facts.",
        "errors": "the form of an error's body.",
        "fields": "names of actor and address are partly general knowledge.",
    },
)
