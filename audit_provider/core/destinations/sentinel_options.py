"""The columns of an event in Sentinel, the options of the destination, and the declarations for Azure.

https://learn.microsoft.com/azure/azure-monitor/data-collection/data-collection-rule-structure
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit_provider.core.text.validation import near

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = {
    "TimeGenerated": "datetime",
    "EventTime": "datetime",
    "EventId": "string",
    "Source": "string",
    "Pipeline": "string",
    "Action": "string",
    "Actor": "string",
    "ActorId": "string",
    "SourceIp": "string",
    "ObjectType": "string",
    "ObjectId": "string",
    "Outcome": "string",
    "Category": "string",
    "RawData": "dynamic",
    "RawDataTruncated": "boolean",
}
"""Every column with its type. ``RawData`` is the event in its format, and may be declared as a string instead."""

MOST_BYTES = 950_000
"""Limit of a body. The service accepts 1,048,576 bytes, both before and after compression."""

_RULE_ID = re.compile(r"dcr-[0-9A-Za-z-]+")
_STREAM = re.compile(r"Custom-[0-9A-Za-z_-]+")
_NEEDED = ("EventId", "EventTime")


def chosen(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are sent: those listed, or all if none is listed."""
    return tuple(columns) or tuple(COLUMNS)


@dataclass(frozen=True, slots=True)
class SentinelOptions:
    """Options of a ``sentinel`` destination in the pipelines file.

    :ivar rule_id: Immutable id of the data collection rule. Example: ``dcr-0123456789abcdef0123456789abcdef``.
    :ivar stream: Stream of the rule. Example: ``Custom-AuditLogs_CL``.
    :ivar columns: Columns that the stream declares, if it does not declare all; other columns are not sent. Default:
        all. Example: ``[TimeGenerated, EventId, RawData]``.
    :ivar raw_data: Type of the column ``RawData``: ``dynamic`` can be queried by path; ``string`` keeps the text
        unchanged, even numbers that are too large for KQL.
    :ivar column_bytes: Maximum size of one column's value in bytes. The service silently cuts values at 64 KB, so this
        must not be larger than the service accepts.
    :ivar too_large: What to do with an event whose ``RawData`` is larger: ``truncate`` cuts it, sets
        ``RawDataTruncated`` and logs how many were cut; ``dead_letter`` sets the whole event aside.
    :ivar batch_events: Maximum number of events in one request. Example: ``500``.
    :ivar batch_bytes: Maximum size of one request in bytes, before compression, at most 950,000.
    """

    default_conn_id: ClassVar[str] = "azure_logs_ingestion_default"
    default_format: ClassVar[str] = "raw"

    rule_id: str
    stream: str
    columns: tuple[str, ...] = ()
    raw_data: Literal["dynamic", "string"] = "dynamic"
    column_bytes: int = 64_000
    too_large: Literal["truncate", "dead_letter"] = "truncate"
    batch_events: int = 1000
    batch_bytes: int = MOST_BYTES

    def __post_init__(self) -> None:
        if not _RULE_ID.fullmatch(self.rule_id):
            raise ValueError("'rule_id' must be the data collection rule's immutable id, which begins with 'dcr-'")
        if not _STREAM.fullmatch(self.stream):
            raise ValueError("'stream' must be a stream of the data collection rule, which begins with 'Custom-'")
        if not 1000 <= self.column_bytes <= 1_000_000:
            raise ValueError("'column_bytes' must be 1,000 to 1,000,000")
        for name in self.columns:
            if name not in COLUMNS:
                raise ValueError(f"'columns': there is no column {name!r}{near(name, COLUMNS)}")
        missing = [name for name in _NEEDED if name not in chosen(self.columns)]
        if missing:
            raise ValueError(f"'columns' must contain {missing[0]!r}: without it an event cannot be identified")
        if self.too_large == "truncate" and "RawData" in self.columns and "RawDataTruncated" not in self.columns:
            raise ValueError("'columns' with 'RawData' needs 'RawDataTruncated' too, or 'too_large: dead_letter'")


_TABLE_TYPES = {"datetime": "dateTime"}  # the tables API spells this type differently


def table_definition(options: SentinelOptions, *, table: str = "AuditLogs_CL") -> dict[str, Any]:
    """Return what a person must create in Azure before anything is sent, as three pieces of JSON.

    ``table`` is the body of the table's creation (``PUT .../workspaces/<name>/tables/<table>``), and
    ``streamDeclarations`` and ``dataFlows`` are properties of the data collection rule. The service silently drops a
    column that is not declared, so the declaration contains exactly what the options send.

    :param options: with the stream and the columns.
    :param table: name of the table, with its ``_CL``; the rule's destination is called ``workspace``.
    :raises ValueError: ``table`` is not the name of a custom table.
    """
    if not table.endswith("_CL"):
        raise ValueError(f"the table name {table!r} must end in _CL, as for every custom table")
    types = {name: COLUMNS[name] for name in chosen(options.columns)}
    if "RawData" in types:
        types["RawData"] = options.raw_data
    return {
        "table": {
            "properties": {
                "schema": {
                    "name": table,
                    "columns": [{"name": name, "type": _TABLE_TYPES.get(kind, kind)} for name, kind in types.items()],
                }
            }
        },
        "streamDeclarations": {
            options.stream: {"columns": [{"name": name, "type": kind} for name, kind in types.items()]}
        },
        "dataFlows": [
            {
                "streams": [options.stream],
                "destinations": ["workspace"],
                "transformKql": "source",
                "outputStream": f"Custom-{table}",
            }
        ],
    }
