"""Snowflake's account usage. https://docs.snowflake.com/en/sql-reference/account-usage"""

from audit_provider.core.sources import vocabulary as v

_STATEMENTS = "/api/v2/statements"
_LATE = v.hours(3)


def _view(name: str, title: str, view: str, time: str, fields: v.Fields, **more: object) -> v.SourceSpec:
    """Return one view. :param time: the columns of its time: a row is read again when another of them is set."""
    ranges = " OR ".join(
        f"({column} >= TO_TIMESTAMP_TZ('{{start}}') AND {column} < TO_TIMESTAMP_TZ('{{end}}'))"
        for column in time.split("|")
    )
    statement = f"SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.{view} WHERE {ranges}"  # noqa: S608  # nosec B608
    return v.SourceSpec(
        name=name,
        title=title,
        docs=f"https://docs.snowflake.com/en/sql-reference/account-usage/{view.lower()}",
        base_url="",
        host_example="https://myorg-myaccount.snowflakecomputing.com",
        request=v.Request(
            "POST", _STATEMENTS, body={"statement": statement, "timeout": 600, "warehouse": "{warehouse}"}
        ),
        reading=v.ClosedWindows(settle=_LATE, overlap=_LATE, sweep_every=v.hours(12), first_width=v.days(7)),
        polling=v.Polling(v.Request("GET", f"{_STATEMENTS}/{{job}}"), id_at="statementHandle"),
        paging=v.StatementPaging(
            path=f"{_STATEMENTS}/{{statement}}?partition={{part}}",
            id_at="statementHandle",
            parts_at="resultSetMetaData.partitionInfo",
            rows_at="resultSetMetaData.numRows",
        ),
        records_at="data",
        columns=v.Columns("resultSetMetaData.rowType"),
        fields=fields,
        auth=v.Assertion(
            claims={"iss": "{account}.{login}.SHA256:{fingerprint}", "sub": "{account}.{login}"}, takes_token=True
        ),
        errors=v.Errors(hints={"422": "check the warehouse, and that the role may read SNOWFLAKE.ACCOUNT_USAGE."}),
        rate_limit=v.RateLimit(requests=60, per=60),
        lookback=v.days(365),
        settings={
            "warehouse": v.Setting("the warehouse that runs the statements"),
            "account": v.Setting("the account's identifier in capital letters, for a key pair (MYORG-MYACCOUNT)", "-"),
        },
        credential={
            "login": "user name in capital letters, for a key pair",
            "password": "programmatic access token, or the private key of a key pair (PEM)",
        },
        access="A user of the type SERVICE whose default role may read the database SNOWFLAKE and use the warehouse, "
        "and a programmatic access token or a key pair of that user. A key pair needs the login and `account` as well.",
        limits="Rows appear up to three hours late, so the last three hours are read each time; every read runs the "
        "warehouse, which costs credits: an hourly schedule is enough.",
        confidence="Vendor documentation, a connector's code.",
        checked="2026-11-29",
        unconfirmed={
            "auth": "the kind of token is left for Snowflake to tell.",
            "columns": "times are expected as seconds since 1970 with a fraction, as the SQL API writes them.",
            "rate_limit": "no figure is documented.",
        },
        **more,  # type: ignore[arg-type]
    )


_WHO = {"actor_email": "USER_NAME"}

SNOWFLAKE_LOGINS = _view(
    "snowflake_logins",
    "Snowflake sign-ins",
    "LOGIN_HISTORY",
    "EVENT_TIMESTAMP",
    v.Fields(id="EVENT_ID", time="EVENT_TIMESTAMP", action="EVENT_TYPE", ip="CLIENT_IP", outcome="IS_SUCCESS", **_WHO),
    actions={"LOGIN": "authentication.login"},
)
SNOWFLAKE_QUERIES = _view(
    "snowflake_queries",
    "Snowflake queries",
    "QUERY_HISTORY",
    # A query is shown once it has ended, up to two days after its start by default, or seven if the account allows it.
    "START_TIME|END_TIME",
    v.Fields(id="QUERY_ID", time="START_TIME", action="QUERY_TYPE", outcome="EXECUTION_STATUS", **_WHO),
    actions={"SELECT": "data.read", "UNLOAD": "data.export", "GRANT": "access.grant", "REVOKE": "access.revoke"},
    watched=frozenset({"UNLOAD", "GRANT"}),
)
SNOWFLAKE_SESSIONS = _view(
    "snowflake_sessions",
    "Snowflake sessions",
    "SESSIONS",
    "CREATED_ON",
    v.Fields(id="SESSION_ID", time="CREATED_ON", action="AUTHENTICATION_METHOD", **_WHO),
)
SNOWFLAKE_GRANTS = _view(
    "snowflake_grants",
    "Snowflake grants of roles to users",
    "GRANTS_TO_USERS",
    "CREATED_ON|DELETED_ON",
    v.Fields(id="", time="DELETED_ON | CREATED_ON", role="ROLE", target_user="GRANTEE_NAME", actor_name="GRANTED_BY"),
)
