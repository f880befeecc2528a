#!/usr/bin/env bash
# A reader of Parquet drops the mark that a time is in UTC
#
# Software: PyPI fastparquet 2026.9.0 with pyarrow 26.0.1 as the writer; for comparison polars 2.1.0
# Expected: Parquet format, "TIMESTAMP": isAdjustedToUTC=true is an instant, false is a local time; the two are
#           different types.
# Seen:     Both columns are read as the same type without a zone, so an instant and a local time compare as
#           equal. polars keeps UTC.
# Matters:  Written again, the instant is a local time for every reader, and moves by the zone of the next
#           session.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1 fastparquet==2026.9.0 polars==2.1.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import tempfile

import fastparquet
import polars
import pyarrow
import pyarrow.parquet

folder = tempfile.TemporaryDirectory()
path = folder.name + "/events.parquet"
instant = pyarrow.array([1772368245123456], pyarrow.timestamp("us", "UTC"))
pyarrow.parquet.write_table(pyarrow.table({"instant": instant, "local": instant.cast(pyarrow.timestamp("us"))}), path)
frame = fastparquet.ParquetFile(path).to_pandas()
hold("fastparquet", [str(frame[name].dtype) for name in ("instant", "local")], ["datetime64[us]", "datetime64[us]"])
again = folder.name + "/again.parquet"
fastparquet.write(again, frame[["instant"]])
logical = pyarrow.parquet.ParquetFile(again).schema.column(0).logical_type
print("written again:", logical)
hold("written again, adjusted to UTC", '"isAdjustedToUTC": true' in logical.to_json() or "isAdjustedToUTC=true" in str(logical), False)
hold("polars", [polars.read_parquet(path).schema[name].time_zone for name in ("instant", "local")], ["UTC", None])
folder.cleanup()
PY
