"""Stand-ins for the statement APIs of Snowflake and Databricks: results by columns, in parts, and not ready at once.

https://docs.snowflake.com/en/developer-guide/sql-api/handling-responses
https://docs.databricks.com/api/statement-execution/v1/statement-execution
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from audit_provider.core.model import UTC
from audit_provider.core.records.times import time_from
from audit_provider.sandbox.server import Reply, Request, Service

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Table:
    """A view or a table. :ivar times: columns that hold times. :ivar rows: values by column, times as ``datetime``."""

    columns: tuple[str, ...]
    times: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Job:
    """A statement that runs. :ivar looks: number of requests for which it is still not ready."""

    columns: tuple[str, ...]
    rows: list[list[str | None]]
    looks: int
    limited: bool = False


class StatementService(Service):
    """The common part of both services.

    :param tables: by name. :param part_size: rows of a part. :param looks: requests until a result is ready.
    """

    _RANGE = re.compile("")

    def __init__(
        self, token: str, tables: Mapping[str, Table], *, part_size: int = 10, looks: int = 2, port: int = 0
    ) -> None:
        super().__init__(port=port)
        self.token = token
        self.tables = dict(tables)
        self.looks = looks
        self.refused: list[str] = []
        self.statements: list[str] = []
        self._part_size = part_size
        self._jobs: dict[str, _Job] = {}

    def forget(self) -> None:
        """Drop all results, as after a day."""
        self._jobs.clear()

    def _is_allowed(self, request: Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.token}"

    def _written(self, moment: datetime) -> str:
        raise NotImplementedError

    def _parts(self, job: _Job) -> list[list[list[str | None]]]:
        size = self._part_size
        return [job.rows[begin : begin + size] for begin in range(0, len(job.rows), size)]

    def _selected(self, table: Table, ranges: list[tuple[str, str, str]]) -> list[list[str | None]]:
        found = [
            row
            for row in table.rows
            if any(
                row.get(column) is not None and time_from(start) <= row[column] < time_from(end)
                for column, start, end in ranges
            )
        ]
        return [[self._text(row.get(column)) for column in table.columns] for row in found]

    def _text(self, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        return self._written(value) if isinstance(value, datetime) else json.dumps(value)

    def _started(self, statement: str, job: _Job) -> str:
        self.statements.append(statement)
        name = f"01b{len(self.statements):05}-0000"
        self._jobs[name] = job
        return name

    def _refuse(self, status: int, content: Any) -> Reply:
        self.refused.append(json.dumps(content))
        return Reply.json(status, content)


class SnowflakeService(StatementService):
    """Serves ``SNOWFLAKE.ACCOUNT_USAGE``: 202 until a result is ready, columns beside the first part only."""

    name = "snowflake"
    _SELECT = re.compile(r"SELECT \* FROM SNOWFLAKE\.ACCOUNT_USAGE\.(\w+) WHERE (.+)")
    _RANGE = re.compile(r"\((\w+) >= TO_TIMESTAMP_TZ\('([^']+)'\) AND \1 < TO_TIMESTAMP_TZ\('([^']+)'\)\)(?: OR )?")

    def _written(self, moment: datetime) -> str:
        seconds = Decimal((moment - _EPOCH) // (moment.resolution)) / 1_000_000
        return f"{seconds:.9f}"

    def answer(self, request: Request) -> Reply:
        """Answer as Snowflake would."""
        if not self._is_allowed(request):
            return Reply.json(401, {"code": "390144", "message": "JWT token is invalid."})
        if request.path == "/api/v2/statements" and request.method == "POST":
            return self._submit(json.loads(request.body))
        name = request.path.removeprefix("/api/v2/statements/")
        if request.method != "GET" or name not in self._jobs:
            return self._refuse(404, {"code": "391920", "message": "The statement does not exist."})
        return self._result(name, int(request.param("partition") or 0))

    def _submit(self, body: Mapping[str, Any]) -> Reply:
        select = self._SELECT.fullmatch(str(body.get("statement")))
        ranges = self._RANGE.findall(select[2]) if select else []
        if (
            not select
            or not ranges
            or self._RANGE.sub("", select[2])
            or set(body) - {"statement", "timeout", "warehouse"}
        ):
            return self._refuse(422, {"code": "001003", "message": "SQL compilation error", "sqlState": "42000"})
        if body.get("warehouse") != "AUDIT_WH" or select[1] not in self.tables:
            return self._refuse(422, {"code": "002003", "message": "Object does not exist", "sqlState": "02000"})
        table = self.tables[select[1]]
        return self._result(
            self._started(body["statement"], _Job(table.columns, self._selected(table, ranges), self.looks)), 0
        )

    def _result(self, name: str, part: int) -> Reply:
        job = self._jobs[name]
        known = {"statementHandle": name, "statementStatusUrl": f"/api/v2/statements/{name}"}
        if job.looks:
            job.looks -= 1
            return Reply.json(202, {"code": "333334", "message": "Statement execution in progress.", **known})
        parts = self._parts(job) or [[]]
        if not part < len(parts):
            return self._refuse(400, {"code": "391903", "message": "There is no such partition."})
        content: dict[str, Any] = {"data": parts[part]}
        if part == 0:
            content["resultSetMetaData"] = {
                "numRows": len(job.rows),
                "format": "jsonv2",
                "partitionInfo": [{"rowCount": len(each), "uncompressedSize": 1} for each in parts],
                "rowType": [{"name": column, "type": "text", "nullable": True} for column in job.columns],
            }
            content |= {"code": "090001", "message": "Statement executed successfully.", "sqlState": "00000", **known}
        return Reply.json(200, content)


class DatabricksService(StatementService):
    """Serves ``system.access.audit``: a state until a result is ready, chunks by number, a limit of rows."""

    name = "databricks"
    _SELECT = re.compile(
        r"SELECT \*, user_identity\.email AS user_email FROM (system\.access\.audit) WHERE event_date BETWEEN "
        r"DATE\('([^']+)'\) AND DATE\('([^']+)'\) AND event_time >= '\2' AND event_time < '\3' ORDER BY event_time"
    )
    _BODY = frozenset({"statement", "warehouse_id", "wait_timeout", "format", "disposition", "row_limit"})

    def _written(self, moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"

    def answer(self, request: Request) -> Reply:
        """Answer as Databricks would."""
        if not self._is_allowed(request):
            return Reply.json(403, {"error_code": "403", "message": "Invalid access token."})
        if request.path == "/api/2.0/sql/statements" and request.method == "POST":
            return self._submit(json.loads(request.body))
        name, *chunk = request.path.removeprefix("/api/2.0/sql/statements/").split("/result/chunks/")
        if request.method != "GET" or name not in self._jobs:
            return self._refuse(404, {"error_code": "NOT_FOUND", "message": "The statement does not exist."})
        return self._chunk(name, int(chunk[0])) if chunk else self._result(name)

    def _submit(self, body: Mapping[str, Any]) -> Reply:
        select = self._SELECT.fullmatch(str(body.get("statement")))
        if not select or set(body) - self._BODY or body.get("warehouse_id") != "wh1":
            return self._refuse(400, {"error_code": "BAD_REQUEST", "message": "The statement or a field is wrong."})
        table = self.tables[select[1]]
        rows = sorted(self._selected(table, [("event_time", select[2], select[3])]), key=lambda row: str(row[0]))
        job = _Job(table.columns, rows[: body["row_limit"]], self.looks, len(rows) > body["row_limit"])
        return self._result(self._started(body["statement"], job))

    def _result(self, name: str) -> Reply:
        job = self._jobs[name]
        if job.looks:
            job.looks -= 1
            state = "RUNNING" if job.looks else "PENDING"
            return Reply.json(200, {"statement_id": name, "status": {"state": state}})
        parts = self._parts(job)
        content: dict[str, Any] = {
            "statement_id": name,
            "status": {"state": "SUCCEEDED"},
            "manifest": {
                "format": "JSON_ARRAY",
                "schema": {
                    "column_count": len(job.columns),
                    "columns": [
                        {"name": each, "type_name": "STRING", "position": n} for n, each in enumerate(job.columns)
                    ],
                },
                "total_chunk_count": len(parts),
                "total_row_count": len(job.rows),
                "truncated": job.limited,
            },
        }
        content["result"] = {"chunk_index": 0, "row_count": len(parts[0]), "data_array": parts[0]} if parts else {}
        return Reply.json(200, content)

    def _chunk(self, name: str, number: int) -> Reply:
        parts = self._parts(self._jobs[name])
        if not number < len(parts):
            return self._refuse(404, {"error_code": "NOT_FOUND", "message": "There is no such chunk."})
        return Reply.json(200, {"chunk_index": number, "row_count": len(parts[number]), "data_array": parts[number]})
