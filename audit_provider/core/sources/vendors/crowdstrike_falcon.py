"""CrowdStrike Falcon event streams. https://developer.crowdstrike.com/api-reference/collections/event-streams/"""

from audit_provider.core.sources import vocabulary as v

_FEEDS = "/sensors/entities/datafeed/v2"

CROWDSTRIKE_FALCON = v.SourceSpec(
    name="crowdstrike_falcon",
    title="CrowdStrike Falcon event streams",
    docs="https://developer.crowdstrike.com/api-reference/collections/event-streams/",
    base_url="https://api.crowdstrike.com",
    regions={
        "us-1": "https://api.crowdstrike.com",
        "us-2": "https://api.us-2.crowdstrike.com",
        "eu-1": "https://api.eu-1.crowdstrike.com",
        "us-gov-1": "https://api.laggar.gcw.crowdstrike.com",
    },
    request=v.Request("GET", _FEEDS, params={"appId": "{app_id}"}),
    reading=v.EventFeed(),
    export=v.FeedList("dataFeedURL", "sessionToken.token", "metadata.offset", scheme="Token"),
    records_at="resources",
    fields=v.Fields(
        id="metadata.customerIDString + metadata.offset",
        time="metadata.eventCreationTime",
        action="event.OperationName | metadata.eventType",
        actor_id="event.UserId",
        ip="event.UserIp",
        object_type="event.ServiceName",
        outcome="event.Success",
        organization="metadata.customerIDString",
    ),
    auth=v.Token(url="/oauth2/token", fields={"grant_type": "client_credentials"}, client="fields"),
    actions={"userAuthenticate": "authentication.login", "twoFactorAuthenticate": "authentication.login"},
    errors=v.Errors(message_at="errors", code_at="errors.0.code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    probe=v.Probe(f"{_FEEDS}?appId={{app_id}}"),
    settings={
        "app_id": v.Setting("name of this reader, of at most 32 letters and digits; no other may use it", "auditlogs")
    },
    credential={"login": "client id of an API client", "password": "client secret"},
    access="An API client of Falcon with the scope *Event streams: Read*, and a name in `app_id` that no other reader "
    "uses.",
    limits="The streams hold detections and other events beside the audit events, `AuthActivityAuditEvent` and "
    "`UserActivityAuditEvent`; all are spooled, and `only` of a destination chooses among them. A run opens each "
    "stream behind the last event, and closes it once nothing comes for 10 seconds. Streams cannot be read by time: "
    "the first run reads them from their oldest event, and there is no backfill.",
    confidence="Vendor's SDK and connector, a sample of events.",
    checked="2026-11-30",
    unconfirmed={
        "reading.consecutive": "whether offsets have holes is not stated: a jump behind the last event read is "
        "reported as a gap, unless this is false.",
        "lookback": "how long events are kept is not stated.",
        "rate_limit": "a low value to be safe; after a 429, the task waits.",
        "fields": "names of actor, address and outcome are those of a sample of an audit event.",
        "actions": "names of operations are partly not from documentation.",
        "errors": "names of the error's fields.",
    },
)
