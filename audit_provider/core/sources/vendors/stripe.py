"""Stripe activity logs. https://docs.stripe.com/api/v2/iam/activity-logs"""

from audit_provider.core.sources import vocabulary as v

STRIPE = v.SourceSpec(
    name="stripe",
    title="Stripe activity logs",
    docs="https://docs.stripe.com/api/v2/iam/activity-logs",
    base_url="https://api.stripe.com",
    request=v.Request("GET", "/v2/iam/activity_logs", headers={"Stripe-Version": "{version}"}),
    reading=v.HeadScan(),
    paging=v.NextUrlPaging(url_at="next_page_url"),
    records_at="data",
    fields=v.Fields(id="id", time="created", action="type", actor_email="actor.user.email", organization="context"),
    actions={
        "api_key_created": "token.create",
        "api_key_updated": "token.update",
        "api_key_deleted": "token.delete",
        "api_key_viewed": "data.read",
        "user_invite_created": "user.invite",
        "user_invite_accepted": "user.create",
        "user_invite_deleted": "user.delete",
        "user_roles_updated": "access.update",
        "user_roles_deleted": "access.revoke",
    },
    watched=frozenset({"api_key_created", "api_key_viewed", "user_roles_updated"}),
    errors=v.Errors(message_at="error.message", code_at="error.code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    settings={"version": v.Setting("version of the API, a preview", default="2026-11-18.preview")},
    credential={"password": "secret API key"},
    access="A secret API key of the account, or of the organisation, that may read activity logs.",
    limits="A preview of Stripe, which may change: the version is a setting. No time filter is documented. With a key "
    "of an "
    "organisation, answers have the organisation's own events: for those of its accounts, add the vendor's "
    "`logs_from` to "
    "`request.params` and `Stripe-Context` to `request.headers`.",
    confidence="Vendor documentation of a preview.",
    checked="2026-11-29",
    unconfirmed={
        "reading": "the order is not stated: a list that proves to be oldest first, as in the vendor's example, is "
        "read whole each "
        "time; whether there is a time filter was not seen.",
        "rate_limit": "a low value to be safe; after a 429, the task waits.",
        "lookback": "no limit was found.",
        "errors": "names of the error's fields.",
        "access": "which permission a restricted key needs.",
    },
)
