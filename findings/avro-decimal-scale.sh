#!/usr/bin/env bash
# An Avro library writes 1.5 as 0.15
#
# Software: PyPI avro 1.12.2 (Apache Avro for Python); for comparison fastavro 1.13.1
# Expected: Avro specification, "Decimal": the value is the unscaled integer times 10 to the power of minus scale,
#           and the scale is that of the schema. 1.5 with scale 2 has the unscaled value 150.
# Seen:     With scale 2, 1.5 is written as 0.15, 2 as 0.02 and 100 as 1.00, in bytes and in fixed: the digits are
#           written as they stand in the Decimal. 1.50 is right. fastavro writes 1.50.
# Matters:  Amounts and scores that have fewer decimal places than the schema are ten or a hundred times too small,
#           depending on how the number was typed. Every reader agrees on the wrong value.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet avro==1.12.2 fastavro==1.13.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import io
import json
from decimal import Decimal

import avro.io
import avro.schema
import fastavro

BYTES = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
FIXED = {**BYTES, "type": "fixed", "name": "Amount", "size": 8}


def written(schema, value):
    content = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(json.dumps(schema))).write(value, avro.io.BinaryEncoder(content))
    content.seek(0)
    return str(fastavro.schemaless_reader(content, fastavro.parse_schema(schema)))


for text, known in (("1.5", "0.15"), ("2", "0.02"), ("100", "1.00"), ("1.50", "1.50")):
    hold(f"avro, {text} in bytes", written(BYTES, Decimal(text)), known)
    hold(f"avro, {text} in fixed", written(FIXED, Decimal(text)), known)
content = io.BytesIO()
fastavro.schemaless_writer(content, fastavro.parse_schema(BYTES), Decimal("1.5"))
hold("fastavro, 1.5", str(fastavro.schemaless_reader(io.BytesIO(content.getvalue()), BYTES)), "1.50")
PY
