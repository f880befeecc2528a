#!/usr/bin/env bash
# 31 December 9999 in a Parquet file is read as a day in 1816
#
# Software: PyPI pyarrow 26.0.1, fastparquet 2026.9.0; for comparison duckdb 2.0.1, polars 2.1.0
# Expected: Parquet format, INT96 (deprecated, still the default of some writers) holds a Julian day, and DATE a
#           number of 32 bits of days: both reach far beyond the year 9999. A reader whose type is too small
#           raises.
# Seen:     pyarrow reads an INT96 of 9999-12-31 as 1816-03-30, fastparquet INT96 and DATE too. They wrap at 64
#           bits of nanoseconds, without a warning. duckdb and polars read 9999.
# Matters:  9999-12-31 is how systems say "never expires". In the audit of grants and tokens it becomes "expired
#           two hundred years ago".
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1 fastparquet==2026.9.0 duckdb==2.0.1 polars==2.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import tempfile
from datetime import date, datetime

import duckdb
import fastparquet
import polars
import pyarrow
import pyarrow.parquet

folder = tempfile.TemporaryDirectory()
stamps, days = folder.name + "/int96.parquet", folder.name + "/date.parquet"
table = pyarrow.table({"expires": pyarrow.array([datetime(9999, 12, 31, 23, 59, 59)], pyarrow.timestamp("us"))})
pyarrow.parquet.write_table(table, stamps, use_deprecated_int96_timestamps=True)
pyarrow.parquet.write_table(pyarrow.table({"expires": pyarrow.array([date(9999, 12, 31)])}), days)
hold("pyarrow, INT96", str(pyarrow.parquet.read_table(stamps)["expires"][0])[:10], "1816-03-30")
hold("fastparquet, INT96", str(fastparquet.ParquetFile(stamps).to_pandas()["expires"][0])[:10], "1816-03-30")
hold("fastparquet, DATE", str(fastparquet.ParquetFile(days).to_pandas()["expires"][0])[:10], "1816-03-29")
for name, path in (("INT96", stamps), ("DATE", days)):
    hold(f"duckdb, {name}", str(duckdb.sql(f"select expires from '{path}'").fetchall()[0][0])[:10], "9999-12-31")
    hold(f"polars, {name}", str(polars.read_parquet(path)["expires"][0])[:10], "9999-12-31")
folder.cleanup()
PY
