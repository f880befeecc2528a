"""Auth0 tenant logs. https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.auth import Token
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.paging import PagePaging
from audit_provider.core.sources.reading.closed_windows import ClosedWindows
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

AUTH0 = SourceSpec(
    name="auth0",
    title="Auth0 tenant logs",
    docs="https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api",
    base_url="",
    host_example="https://example.eu.auth0.com",
    request=Request("GET", "/api/v2/logs", params={"q": "date:[{start} TO {end}]", "sort": "date:1", "per_page": 100}),
    reading=ClosedWindows(first_width=timedelta(days=1), max_width=timedelta(days=7), most=1000),
    paging=PagePaging(param="page", first=0),
    records_at="",
    fields=Fields(id="log_id", time="date", action="type", actor_id="user_id", actor_email="user_name", ip="ip"),
    auth=Token(
        url="/oauth/token",
        fields={"grant_type": "client_credentials", "audience": "{audience}"},
        encoding="json",
        client="fields",
    ),
    errors=Errors(
        message_at="message",
        code_at="errorCode",
        hints={"insufficient_scope": "grant the application the scope read:logs of the Management API."},
    ),
    rate_limit=RateLimit(requests=60, per=60),
    page_size_key="per_page",
    page_size_limit=100,
    settings={"audience": Setting("the Management API's identifier, `https://<tenant>/api/v2/`")},
    credential={"login": "client id", "password": "client secret"},
    access="A machine-to-machine application that is authorised for the Management API with the scope read:logs.",
    limits="A search gives 1,000 events, so busy spans are read in parts. The plan says how long logs are kept.",
    confidence="Vendor documentation and SDK, a connector's code.",
    unconfirmed={
        "lookback": "2 to 30 days by plan.",
        "rate_limit": "a careful value; a 429 with x-ratelimit-reset is waited out.",
        "errors": "names of the error's fields and codes.",
        "fields": "partly general knowledge.",
    },
)
