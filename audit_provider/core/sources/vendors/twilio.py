"""Twilio Monitor events. https://github.com/twilio/twilio-oai"""

from __future__ import annotations

from audit_provider.core.auth import Basic
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import NextUrlPaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, SourceSpec

TWILIO = SourceSpec(
    name="twilio",
    title="Twilio Monitor events",
    docs="https://github.com/twilio/twilio-oai",
    base_url="https://monitor.twilio.com",
    request=Request("GET", "/v1/Events", params={"StartDate": "{start}", "EndDate": "{end}", "PageSize": 1000}),
    reading=ClosedWindows(),
    paging=NextUrlPaging(url_at="meta.next_page_url"),
    records_at="events",
    auth=Basic(),
    fields=Fields(
        id="sid",
        time="event_date",
        action="event_type",
        actor_id="actor_sid",
        ip="source_ip_address",
        object_type="resource_type",
        object_id="resource_sid",
    ),
    errors=Errors(message_at="message", code_at="code"),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="PageSize",
    page_size_limit=1000,
    credential={"login": "account SID, or SID of an API key", "password": "auth token, or the API key's secret"},
    access="The account's SID and auth token, or the SID and secret of an API key of the account.",
    limits="`event_date` is the time of recording; nothing else is told.",
    confidence="Vendor specification, one connector's code.",
    unconfirmed={
        "rate_limit": "no figure is in the facts; a 429 is waited out.",
        "lookback": "no limit is in the facts.",
        "errors": "the form of an error's body.",
    },
)
