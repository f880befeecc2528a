"""ServiceNow audit records. https://www.servicenow.com/docs/"""

from audit_provider.core.sources import vocabulary as v

SERVICENOW = v.SourceSpec(
    name="servicenow",
    title="ServiceNow audit records",
    docs="https://www.servicenow.com/docs/",
    base_url="",
    host_example="https://example.service-now.com",
    page_url="https://{host}/sys_audit_list.do",
    request=v.Request(
        "GET",
        "/api/now/table/{table}",
        params={
            "sysparm_query": "sys_created_on>={start}^sys_created_on<={end}^ORDERBYsys_created_on^ORDERBYsys_id",
            "sysparm_limit": 1000,
        },
        headers={"Accept": "application/json"},
    ),
    times="datetime",
    reading=v.ClosedWindows(),
    paging=v.LinkPaging(),
    records_at="result",
    fields=v.Fields(
        id="sys_id",
        time="sys_created_on",
        action="tablename | name",
        actor_id="user | user_id | sys_created_by",
        object_type="tablename",
        object_id="documentkey",
    ),
    auth=v.Basic(),
    actions={
        "sys_user": "user.update",
        "sys_user_has_role": "access.update",
        "sys_group_has_role": "access.update",
        "sys_user_grmember": "group.update",
        "sys_user_group": "group.update",
        "sys_security_acl*": "access.update",
        "sys_properties": "settings.update",
    },
    watched=frozenset({"sys_user_has_role", "sys_group_has_role", "sys_security_acl*"}),
    errors=v.Errors(
        message_at="error.message",
        hints={
            "401": "check login and password of the integration user.",
            "403": "give the user a role that may read it.",
        },
    ),
    rate_limit=v.RateLimit(requests=60, per=60),
    page_size=v.PageSize("sysparm_limit", 10000),
    settings={"table": v.Setting("the table to read, such as sysevent or syslog_transaction", default="sys_audit")},
    credential={"login": "user name of an integration user", "password": "its password"},
    access="An integration user with a role that may read the table, and the time zone GMT.",
    limits="Each record of `sys_audit` is a change of one field. Other tables are other pipelines, by the setting "
    "`table`.",
    confidence="A connector's code, general knowledge of the Table API.",
    checked="2026-11-29",
    unconfirmed={
        "actions": "names of actions are partly not from documentation; those without a meaning are read all the same.",
        "times": "bounds are taken to be in the user's time zone, which must be GMT; times of records are in UTC.",
        "request.params": "the form of the query is seen in a connector.",
        "paging": "the `Link` header is seen in a connector.",
        "lookback": "the tables are rotated; how long they hold a record depends on the instance.",
        "rate_limit": "a low value to be safe; limits are set by the instance.",
        "fields": "partly not from documentation.",
        "errors": "names of the error's fields.",
    },
)
