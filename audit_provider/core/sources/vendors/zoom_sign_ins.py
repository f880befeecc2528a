"""Zoom sign-ins. https://github.com/hashicorp-forge/grove/tree/main/grove/connectors/zoom"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors import zoom

ZOOM_SIGN_INS = v.replace(
    zoom.ZOOM,
    name="zoom_sign_ins",
    title="Zoom sign-ins",
    request=v.Request("GET", "/v2/report/activities", params={"from": "{start}", "to": "{end}", "page_size": 300}),
    records_at="activity_logs",
    fields=v.Fields(id="", time="time", action="type", actor_email="email", ip="ip_address"),
    actions={"Sign in": "authentication.login", "Sign out": "authentication.logout"},
    access="A server-to-server OAuth app of the account with the scope `report:read:user_activities:admin`.",
    limits="Whole days only, one month per query, six months back. Sign-ins have no id.",
    unconfirmed={
        **zoom.ZOOM.unconfirmed,
        "fields": "partly not from documentation.",
        "actions": "the two types are seen in a connector only.",
    },
)
