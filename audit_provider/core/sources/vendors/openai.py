"""OpenAI organisation audit logs. https://github.com/openai/openai-openapi"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.openai_actions import ACTIONS

OPENAI = v.SourceSpec(
    name="openai",
    title="OpenAI organisation audit logs",
    docs="https://github.com/openai/openai-openapi",
    base_url="https://api.openai.com",
    request=v.Request(
        "GET",
        "/v1/organization/audit_logs",
        params={
            "effective_at[gte]": "{start}",
            "effective_at[lt]": "{end}",
            "limit": 100,
            "tenant_only": "{tenant_only}",
        },
    ),
    times="epoch",
    reading=v.ClosedWindows(),
    paging=v.ObjectIdPaging(param="after", more_at="has_more"),
    records_at="data",
    fields=v.Fields(
        id="id",
        time="effective_at",
        action="type",
        actor_id="actor.session.user.id | actor.api_key.user.id",
        actor_email="actor.session.user.email | actor.api_key.user.email",
        ip="actor.session.ip_address",
        user_agent="actor.session.user_agent",
    ),
    actions=ACTIONS,
    errors=v.Errors(message_at="error.message", code_at="error.code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 100),
    settings={
        "tenant_only": v.Setting(
            "`true` reads the events of the tenant, such as `role.bound_to_resource`, and no others", default="false"
        )
    },
    credential={"password": "admin key"},
    access="An admin key of the organisation; keys of a project are not accepted.",
    limits="Events of the tenant do not come with those of the organisation: add a second pipeline with the setting "
    "`tenant_only: 'true'`. For events caused by an API key, the actor is under `actor.api_key`.",
    confidence="Vendor specification, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "paging": "newest first is not in the specification; `after` follows the list's own order.",
        "rate_limit": "no figure was found; after a 429, the task waits.",
        "lookback": "no limit was found.",
        "errors": "the form of an error's body.",
        "fields": "names of actor and address are partly not from documentation.",
    },
)
