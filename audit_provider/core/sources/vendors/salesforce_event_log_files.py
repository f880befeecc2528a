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
    reading=v.FileExport(max_width=v.days(1), made_within=v.days(3)),
    export=v.FileList(id_at="Id", created_at="CreatedDate", url_at="LogFile", never_empty=True),
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
            "INVALID_SESSION_ID": "the app's token is not accepted: check its run-as user.",
        },
    ),
    rate_limit=v.RateLimit(requests=100, per=60),
    auth=v.Token(url="/services/oauth2/token", client="fields"),
    settings={
        "version": v.Setting("API version", default="60.0"),
        "interval": v.Setting("Hourly or Daily; hourly files need Event Monitoring", default="Hourly"),
    },
    credential={"login": "consumer key of an external client app", "password": "consumer secret"},
    access="An external client app with the client credentials flow, whose run-as user has 'View Event Log Files' and "
    "'API Enabled' (Event Monitoring for hourly files). A connected app that exists serves too; a new one "
    "needs Salesforce's help.",
    limits="A file is made within three days of its events, an hourly one mostly after 3 to 6 hours. The org's daily "
    "API quota; while it is used up, Salesforce is asked once an hour. Files are kept one day, or 30 days with Event "
    "Monitoring.",
    confidence="Vendor documentation, three connectors' code.",
    checked="2026-11-29",
    unconfirmed={
        "lookback": "1 day, or 30 days with Event Monitoring: files that are gone are not listed.",
        "rate_limit": "the daily quota depends on the edition.",
        "fields": "columns differ by event type; rows have no unique id, so a digest of the row is the id.",
    },
)
