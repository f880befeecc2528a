"""1Password item usages. https://developer.1password.com/docs/events-api/item-usage-actions"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.onepassword import other_list

ONEPASSWORD_ITEM_USAGES = other_list(
    "/api/v2/itemusages",
    name="onepassword_item_usages",
    title="1Password item usages",
    docs="https://developer.1password.com/docs/events-api/item-usage-actions",
    fields=v.Fields(
        id="uuid",
        time="timestamp",
        action="action",
        actor_id="user.uuid",
        actor_email="user.email",
        actor_name="user.name",
        ip="client.ip_address",
        object_id="item_uuid",
    ),
    actions={
        "fill": "data.read",
        "reveal": "data.read",
        "secure-copy": "data.read",
        "server-fetch": "data.read",
        "enter-item-edit-mode": "data.read",
        "select-sso-provider": "authentication.login",
        "export": "data.export",
        "share": "access.grant",
        "server-create": "content.create",
        "server-update": "content.update",
    },
    watched=frozenset({"export", "share"}),
    access="A bearer token of an Events Reporting integration that may read item usages (1Password Business).",
    limits="Uses of items in shared vaults, of the last 120 days. A token works on its own region's host only.",
    confidence="Vendor specification, two connectors' code.",
    unconfirmed={
        "request.body": "`end_time` is named in samples; it bounds backfills and sweeps.",
        "page_size.most": "seen in samples and connectors.",
        "rate_limit": "600 a minute and 30,000 an hour are said to be allowed; this keeps both.",
    },
)
