"""The columns of an event in a Log Analytics table, and what declares them in Azure.

https://learn.microsoft.com/azure/azure-monitor/data-collection/data-collection-rule-structure
"""

from __future__ import annotations

from typing import Any

from audit_provider.core.destinations.sentinel_options import COLUMNS as COLUMNS
from audit_provider.core.destinations.sentinel_options import SentinelOptions, chosen

_TABLE_TYPES = {"datetime": "dateTime"}  # the tables API writes this one type in another way


def table_definition(options: SentinelOptions, *, table: str = "AuditLogs_CL") -> dict[str, Any]:
    """Return what must exist in Azure before anything is sent: three pieces of JSON for people to put in place.

    ``table`` is the body of the table's creation (``PUT .../workspaces/<name>/tables/<table>``), and
    ``streamDeclarations`` and ``dataFlows`` are properties of the data collection rule. The service silently drops a
    column that is not declared, so the declaration contains exactly what the options send.

    :param options: name the stream and the columns.
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
