"""1Password sign-in attempts. https://developer.1password.com/docs/events-api/reference/"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.onepassword import other_list

ONEPASSWORD_SIGN_INS = other_list(
    "/api/v2/signinattempts",
    name="onepassword_sign_ins",
    title="1Password sign-in attempts",
    docs="https://developer.1password.com/docs/events-api/reference/",
    fields=v.Fields(
        id="uuid",
        time="timestamp",
        action="category",
        actor_id="target_user.uuid",
        actor_email="target_user.email",
        actor_name="target_user.name",
        ip="client.ip_address",
    ),
    actions={
        "success": "authentication.login.success",
        "firewall_reported_success": "authentication.login.success",
        "*_failed": "authentication.login.failure",
    },
    watched=frozenset({"firewall_failed"}),
    access="A bearer token of an Events Reporting integration that may read sign-in attempts (1Password Business).",
    limits="Events of the last 120 days can be read. A token works on its own region's host only.",
    confidence="Vendor specification, two connectors' code.",
    unconfirmed={
        "request.body": "`end_time` is named in samples; it bounds backfills and sweeps.",
        "page_size.most": "seen in samples and connectors.",
        "rate_limit": "600 a minute and 30,000 an hour are said to be allowed; this keeps both.",
    },
)
