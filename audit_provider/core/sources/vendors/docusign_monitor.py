"""DocuSign Monitor events. https://developers.docusign.com/docs/monitor-api/monitor101/tracking-data-handling-alerts"""

from audit_provider.core.sources import vocabulary as v
from audit_provider.core.wire.assertion import Assertion

_PATH = "/v1/organizations/{organization}/stream"

DOCUSIGN_MONITOR = v.SourceSpec(
    name="docusign_monitor",
    title="DocuSign Monitor events",
    docs="https://developers.docusign.com/docs/monitor-api/monitor101/tracking-data-handling-alerts",
    base_url="https://api.docusign.com",
    regions={"demo": "https://api-d.docusign.com"},
    request=v.Request("GET", _PATH, params={"cursor": "{start}", "limit": 1000}),
    follow=v.Request("GET", _PATH, params={"limit": 1000}),
    reading=v.TailCursor(),
    paging=v.CursorPaging(param="cursor", cursor_at="endCursor", ends_when_empty=True, ends_when_same=True),
    records_at="data",
    fields=v.Fields(
        id="eventId",
        time="timestamp",
        action="action",
        actor_id="userId",
        ip="ipAddress",
        user_agent="userAgent",
        outcome="result",
        object_type="object",
        target_user="affectedUserId",
        organization="organizationId",
    ),
    auth=Assertion(
        claims={"iss": "{login}", "sub": "{user}", "aud": "{account_server}", "scope": "signature impersonation"},
        url="https://{account_server}/oauth/token",
    ),
    errors=v.Errors(message_at="message", code_at="errorCode"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("limit", 2000),
    settings={
        "organization": v.Setting("the organisation's id (a GUID)"),
        "user": v.Setting("the id (a GUID) of the administrator in whose name the events are read"),
        "account_server": v.Setting("the server that gives tokens", default="account.docusign.com"),
    },
    credential={"login": "integration key of the app", "password": "the app's private key (RSA, in PEM)"},
    access="An app with an RSA key pair, to which an administrator of the organisation has consented for the scopes "
    "signature and impersonation; the accounts must be in an organisation with Monitor.",
    limits="Events come in the order in which DocuSign took them in, up to five minutes after they happened. The "
    "stream has "
    "no end of time, so there is no backfill: the first run reads it from the pipeline's start. For the demo "
    "environment set "
    "its host, and `account_server` to `account-d.docusign.com`.",
    confidence="Vendor documentation and SDK 2.0.0.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "a low value to be safe; after a 429, the task waits.",
        "lookback": "no limit was found.",
        "auth.claims": "that the scopes of the eSignature API serve for Monitor.",
        "actions": "the names of actions are not listed on the pages that were read.",
        "errors": "names of the error's fields.",
    },
)
