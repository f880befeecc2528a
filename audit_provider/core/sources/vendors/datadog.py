"""Datadog Audit Trail. https://github.com/DataDog/datadog-api-client-python"""

from audit_provider.core.sources import vocabulary as v

DATADOG = v.SourceSpec(
    name="datadog",
    title="Datadog Audit Trail",
    docs="https://github.com/DataDog/datadog-api-client-python",
    base_url="https://api.datadoghq.com",
    page_url="https://app.datadoghq.com/audit-trail",
    regions={
        "us1": "https://api.datadoghq.com",
        "us3": "https://api.us3.datadoghq.com",
        "us5": "https://api.us5.datadoghq.com",
        "eu": "https://api.datadoghq.eu",
        "ap1": "https://api.ap1.datadoghq.com",
        "ap2": "https://api.ap2.datadoghq.com",
        "uk1": "https://api.uk1.datadoghq.com",
        "gov": "https://api.ddog-gov.com",
        "gov2": "https://api.us2.ddog-gov.com",
    },
    request=v.Request(
        "GET",
        "/api/v2/audit/events",
        params={"filter[from]": "{start}", "filter[to]": "{end}", "sort": "timestamp", "page[limit]": 1000},
    ),
    reading=v.ClosedWindows(),
    paging=v.CursorPaging(param="page[cursor]", cursor_at="meta.page.after"),
    records_at="data",
    auth=v.Header({"DD-API-KEY": "{password}", "DD-APPLICATION-KEY": "{application_key}"}),
    fields=v.Fields(
        id="id",
        time="attributes.timestamp",
        action="attributes.attributes.evt.name",
        actor_email="attributes.attributes.usr.email",
        ip="attributes.attributes.network.client.ip",
    ),
    errors=v.Errors(
        message_at="errors",
        ok_at="meta.status",
        ok_is="done",
        partial_is=("timeout",),
        partial_at="meta.warnings",
    ),
    rate_limit=v.RateLimit(requests=10, per=60),
    page_size=v.PageSize("page[limit]", 1000),
    lookback=v.days(90),
    settings={"application_key": v.Setting("the application key", secret=True)},
    credential={"password": "API key"},
    access="An API key, and an application key of a user with permission to read the Audit Trail, both of the "
    "organisation's own site.",
    limits="An answer with warnings, or with the status `timeout`, is a part of the page and is not taken.",
    confidence="The vendor's SDK, written from its specification.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "90 days is not from documentation.",
        "rate_limit": "no figure was found; the `X-RateLimit` headers are used.",
        "errors.message_at": "the form of an error's body.",
        "fields": "names of action, actor and address are partly not from documentation.",
    },
)
