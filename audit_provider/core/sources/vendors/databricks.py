"""Databricks audit log. https://docs.databricks.com/aws/en/admin/system-tables/audit-logs"""

from audit_provider.core.sources import vocabulary as v

_STATEMENTS = "/api/2.0/sql/statements"
_MOST = 5000
_STATEMENT = (
    "SELECT *, user_identity.email AS user_email FROM system.access.audit WHERE event_date BETWEEN DATE('{start}') AND "
    "DATE('{end}') AND event_time >= '{start}' AND event_time < '{end}' ORDER BY event_time"
)

DATABRICKS = v.SourceSpec(
    name="databricks",
    title="Databricks audit log",
    docs="https://docs.databricks.com/aws/en/admin/system-tables/audit-logs",
    base_url="",
    host_example="https://dbc-a1b2345c-d6e7.cloud.databricks.com",
    request=v.Request(
        "POST",
        _STATEMENTS,
        body={
            "statement": _STATEMENT,
            "warehouse_id": "{warehouse}",
            "wait_timeout": "30s",
            "format": "JSON_ARRAY",
            "disposition": "INLINE",
            "row_limit": _MOST,
        },
    ),
    reading=v.ClosedWindows(settle=v.hours(1), overlap=v.hours(2), sweep_every=v.hours(6), most=_MOST),
    polling=v.Polling(
        v.Request("GET", f"{_STATEMENTS}/{{job}}"),
        id_at="statement_id",
        state_at="status.state",
        pending=("PENDING", "RUNNING"),
    ),
    paging=v.StatementPaging(
        path=f"{_STATEMENTS}/{{statement}}/result/chunks/{{part}}",
        id_at="statement_id",
        parts_at="manifest.total_chunk_count",
        rows_at="manifest.total_row_count",
        cut_at="manifest.truncated",
        most=_MOST,
    ),
    records_at="result.data_array | data_array",
    records_may_be_absent=True,
    columns=v.Columns("manifest.schema.columns"),
    fields=v.Fields(
        id="event_id",
        time="event_time",
        action="action_name",
        actor_email="user_email",
        ip="source_ip_address",
        user_agent="user_agent",
        object_type="service_name",
        organization="account_id",
    ),
    actions={
        "login": "authentication.login",
        "tokenLogin": "authentication.login",
        "generateDbToken": "token.create",
        "revokeDbToken": "token.revoke",
    },
    watched=frozenset({"generateDbToken"}),
    errors=v.Errors(
        message_at="status.error.message",
        ok_at="status.state",
        ok_is="SUCCEEDED",
        large_texts=("inline byte limit",),
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    lookback=v.days(365),
    settings={"warehouse": v.Setting("the id of the SQL warehouse that runs the statements")},
    credential={"password": "access token of a service principal"},
    access="A service principal that may use the warehouse, with `SELECT` on `system.access.audit`, and its token.",
    limits="Rows appear minutes to hours late; every read runs the warehouse, which costs credits: hourly is enough.",
    confidence="Vendor documentation, SDK.",
    checked="2026-11-29",
    unconfirmed={
        "actions": "names of actions are partly not from documentation; those without a meaning are read all the same.",
        "request": f"an answer holds 25 MiB at most, so a statement asks for {_MOST:,} rows, and a window with more is "
        "halved; the column event_date spares the warehouse the rest of the table.",
        "errors.large_texts": "the message about a result that is too large for one answer.",
        "reading": "how late rows appear at most is not stated: a sweep every 6 hours reads the last day again.",
        "rate_limit": "no figure is documented.",
    },
)
