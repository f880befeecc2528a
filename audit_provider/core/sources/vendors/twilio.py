"""Twilio Monitor events. https://github.com/twilio/twilio-oai"""

from audit_provider.core.sources import vocabulary as v

TWILIO = v.SourceSpec(
    name="twilio",
    title="Twilio Monitor events",
    docs="https://github.com/twilio/twilio-oai",
    base_url="https://monitor.twilio.com",
    request=v.Request("GET", "/v1/Events", params={"StartDate": "{start}", "EndDate": "{end}", "PageSize": 1000}),
    reading=v.ClosedWindows(),
    paging=v.NextUrlPaging(url_at="meta.next_page_url"),
    records_at="events",
    auth=v.Basic(),
    fields=v.Fields(
        id="sid",
        time="event_date",
        action="event_type",
        actor_id="actor_sid",
        ip="source_ip_address",
        object_type="resource_type",
        object_id="resource_sid",
    ),
    errors=v.Errors(message_at="message", code_at="code"),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("PageSize", 1000),
    lookback=v.days(395),
    kept_shorter=(v.KeptShorter(v.days(30), "the events of a free account"),),
    credential={"login": "account SID, or SID of an API key", "password": "auth token, or the API key's secret"},
    access="The account's SID and auth token, or the SID and secret of an API key of the account.",
    limits="Events of a free account are kept for 30 days, of one with a Twilio Editions plan for 13 months. No "
    "answer shows "
    "which applies, so up to 13 months are read, and what is older than 30 days is reported as a gap: with an "
    "Editions plan, "
    "set `kept_shorter: []`. `event_date` is the time of recording.",
    confidence="Vendor specification, one connector's code.",
    checked="2026-11-29",
    unconfirmed={
        "rate_limit": "no figure was found; after a 429, the task waits.",
        "errors": "the form of an error's body.",
    },
)
