"""Salesforce EventLogFile. https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.auth import Token
from audit_provider.core.model import Fields
from audit_provider.core.rate_limit import RateLimit
from audit_provider.core.sources.export import FileList
from audit_provider.core.sources.paging import NextUrlPaging
from audit_provider.core.sources.reading.file_export import FileExport
from audit_provider.core.sources.spec import Errors, Request, Setting, SourceSpec

_FILES = (
    "SELECT Id, EventType, LogDate, Interval, CreatedDate, LogFile FROM EventLogFile "
    "WHERE CreatedDate >= {start} AND CreatedDate < {end} AND Interval = '{interval}' ORDER BY CreatedDate, Id"
)

SALESFORCE_EVENT_LOG_FILES = SourceSpec(
    name="salesforce_event_log_files",
    title="Salesforce event log files",
    docs="https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/"
    "sforce_api_objects_eventlogfile.htm",
    base_url="",
    host_example="https://acme.my.salesforce.com",
    request=Request("GET", "/services/data/v{version}/query", params={"q": _FILES}),
    reading=FileExport(made_within=timedelta(days=2)),
    export=FileList(id_at="Id", created_at="CreatedDate", url_at="LogFile"),
    paging=NextUrlPaging(url_at="nextRecordsUrl"),
    records_at="records",
    fields=Fields(
        id="",
        time="TIMESTAMP_DERIVED",
        action="EVENT_TYPE",
        actor_id="USER_ID_DERIVED",
        ip="CLIENT_IP",
        object_type="URI",
    ),
    errors=Errors(
        message_at="message",
        code_at="errorCode",
        slow_codes=("REQUEST_LIMIT_EXCEEDED",),
        hints={
            "INVALID_TYPE": "the user may not see EventLogFile: it needs 'View Event Log Files' and 'API Enabled'.",
            "INVALID_SESSION_ID": "the connected app's token is not accepted: check its run-as user.",
        },
    ),
    rate_limit=RateLimit(requests=100, per=60),
    auth=Token(url="/services/oauth2/token", client="fields"),
    settings={
        "version": Setting("API version", default="60.0"),
        "interval": Setting("Hourly or Daily; hourly files need Event Monitoring", default="Hourly"),
    },
    credential={"login": "consumer key of a connected app", "password": "consumer secret"},
    access="A connected app with the client credentials flow, whose run-as user has 'View Event Log Files' and 'API "
    "Enabled' (Event Monitoring for hourly files).",
    limits="The org's daily API quota. Files are kept one day, or 30 days with Event Monitoring.",
    confidence="Three connectors' code.",
    unconfirmed={
        "lookback": "1 day, or 30 days with Event Monitoring: files that are gone are not listed.",
        "rate_limit": "the daily quota depends on the edition.",
        "fields": "columns differ by event type; rows have no unique id and are named by their content.",
        "reading.made_within": "how long after its events a file may be issued (again).",
    },
)
