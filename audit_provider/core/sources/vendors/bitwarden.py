"""Bitwarden organisation events. https://bitwarden.com/help/public-api/

Bounds, pages and tokens of the cloud and of a server of one's own: https://github.com/bitwarden/server
(``src/Api/Dirt/Public``, and the repositories of events).
"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.vendors.bitwarden_actions import ACTIONS, WATCHED

BITWARDEN = v.SourceSpec(
    name="bitwarden",
    title="Bitwarden organisation events",
    docs="https://bitwarden.com/help/public-api/",
    base_url="https://api.bitwarden.com",
    regions={"us": "https://api.bitwarden.com", "eu": "https://api.bitwarden.eu"},
    request=v.Request("GET", "/public/events", params={"start": "{start}", "end": "{end}"}),
    times="rfc3339_ms",
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="continuationToken", cursor_at="continuationToken"),
    records_at="data",
    fields=v.Fields(id="", time="date", action="type", actor_id="actingUserId", ip="ipAddress", object_id="itemId"),
    auth=v.Token(
        url="https://identity.bitwarden.com/connect/token",
        fields={"grant_type": "client_credentials", "scope": "api.organization"},
        client="fields",
    ),
    actions=ACTIONS,
    watched=WATCHED,
    errors=v.Errors(message_at="message"),
    rate_limit=v.RateLimit(requests=60, per=60),
    credential={"login": "client id (`organization.…`)", "password": "client secret"},
    access="The organisation's API key, shown to an owner under *Settings > Organization info*, on the Teams or "
    "Enterprise "
    "plan.",
    limits="Events have no id, and their type is a number. In the EU set the extra `token_url` to "
    "`https://identity.bitwarden.eu/connect/token`; on a server of your own, set the host and `token_url` to it, and "
    "`paging: {type: none, cut_at: continuationToken}`: such a server continues a page from the time of its last event "
    "and skips other events of that very time, so time ranges are requested that fit into one page.",
    confidence="Vendor documentation and source code, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "no figure was found; after a 429, the task waits as `Retry-After` says.",
        "lookback": "no limit was found.",
        "errors.message_at": "the form of an error's body.",
    },
)
