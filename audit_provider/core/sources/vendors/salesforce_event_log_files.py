"""Salesforce EventLogFile. https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/"""

from audit_provider.core.sources import vocabulary as v

_FILES = (
    "SELECT Id, EventType, LogDate, Interval, CreatedDate, LogFile FROM EventLogFile "
    "WHERE CreatedDate >= {start} AND CreatedDate < {end} AND Interval = '{interval}' ORDER BY CreatedDate, Id"
)

SALESFORCE_EVENT_LOG_FILES = v.SourceSpec(
    name="salesforce_event_log_files",
    title="Salesforce event log files",
    docs="https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/"
    "sforce_api_objects_eventlogfile.htm",
    base_url="",
    host_example="https://acme.my.salesforce.com",
    request=v.Request("GET", "/services/data/v{version}/query", params={"q": _FILES}),
    reading=v.FileExport(max_width=v.days(1), made_within=v.days(2)),
    export=v.FileList(id_at="Id", created_at="CreatedDate", url_at="LogFile"),
    paging=v.NextUrlPaging(url_at="nextRecordsUrl"),
    records_at="records",
    fields=v.Fields(
        id="",
        time="TIMESTAMP_DERIVED",
        action="EVENT_TYPE",
        actor_id="USER_ID_DERIVED",
        ip="CLIENT_IP",
        object_type="URI",
    ),
    errors=v.Errors(
        message_at="message",
        code_at="errorCode",
        slow_codes=("REQUEST_LIMIT_EXCEEDED",),
        slow_wait=v.hours(1),  # the limit is of 24 hours, of which the oldest are freed as time passes
        hints={
            "INVALID_TYPE": "the user may not see EventLogFile: it needs 'View Event Log Files' and 'API Enabled'.",
            "INVALID_SESSION_ID": "the connected app's token is not accepted: check its run-as user.",
        },
    ),
    rate_limit=v.RateLimit(requests=100, per=60),
    auth=v.Token(url="/services/oauth2/token", client="fields"),
    settings={
        "version": v.Setting("API version", default="60.0"),
        "interval": v.Setting("Hourly or Daily; hourly files need Event Monitoring", default="Hourly"),
    },
    credential={"login": "consumer key of a connected app", "password": "consumer secret"},
    access="A connected app with the client credentials flow, whose run-as user has 'View Event Log Files' and 'API "
    "Enabled' (Event Monitoring for hourly files).",
    limits="The org's daily API quota; while it is used up, Salesforce is asked once an hour. Files are kept one day, "
    "or 30 days with Event Monitoring.",
    confidence="Three connectors' code.",
    unconfirmed={
        "lookback": "1 day, or 30 days with Event Monitoring: files that are gone are not listed.",
        "rate_limit": "the daily quota depends on the edition.",
        "fields": "columns differ by event type; rows have no unique id and are named by their content.",
        "reading.made_within": "how long after its events a file may be issued (again).",
    },
)
