"""The statement that creates an Athena table over the objects of the ``hive`` layout.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_DAY, LAST_DAY = date.min, date.max
"""The default range of a table's partitions in the ``hive`` layout: all possible days.

No query finds events outside the range, and some programs date events with the year 1.
"""


def athena_ddl(
    table: str,
    location: str,
    sources: Sequence[str],
    columns: Sequence[str],
    *,
    first_day: str = str(FIRST_DAY),
    last_day: str = str(LAST_DAY),
) -> str:
    """Return the statement that makes the objects an Athena table, with partition projection.

    :param location: ``s3://bucket/prefix/``. :param columns: top-level keys of the records, read as text.
    :param first_day: and :param last_day: of the projected range, ``YYYY-MM-DD``. Athena lists each day of the range
        that a query does not exclude by ``dt``.
    :raises ValueError: a column has the name of a partition, or other characters than ``a-z``, ``0-9`` and ``_``.
    """
    for column in columns:
        if column in ("source", "dt") or not re.fullmatch(r"[a-z0-9_]+", column):
            raise ValueError(f"the column {column!r} needs another name in the table")
    location = location.rstrip("/") + "/"
    listed = ",\n  ".join(f"`{column}` string" for column in columns)
    return f"""CREATE EXTERNAL TABLE {table} (
  {listed}
)
PARTITIONED BY (source string, dt string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json'='false', 'dots.in.keys'='false', 'case.insensitive'='true')
LOCATION '{location}'
TBLPROPERTIES (
  'projection.enabled'='true',
  'projection.source.type'='enum', 'projection.source.values'='{",".join(sources)}',
  'projection.dt.type'='date', 'projection.dt.format'='yyyy-MM-dd', 'projection.dt.range'='{first_day},{last_day}',
  'storage.location.template'='{location}source=${{source}}/dt=${{dt}}/'
);"""
