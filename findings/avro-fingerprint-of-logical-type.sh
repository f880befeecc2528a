#!/usr/bin/env bash
# The fingerprint of a schema with a time differs between Avro libraries
#
# Software: PyPI avro 1.12.2 (Apache Avro for Python); for comparison fastavro 1.13.1
# Expected: Avro specification, "Parsing Canonical Form for Schemas": logicalType is stripped, and by the rule
#           PRIMITIVES {"type":"long"} becomes "long". "Schema Fingerprints": readers find a schema by the
#           CRC-64-AVRO of this form, as single-object encoding does.
# Seen:     avro strips logicalType but leaves {"type":"long"} for the field of a record that is a timestamp-millis.
#           Its fingerprint is another than that of fastavro and of the canonical form by the rules. Without a
#           logical type the two agree.
# Matters:  A message in single-object encoding names its schema by the fingerprint. A reader with another library
#           does not know the schema of any event that has a time.
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


import json

import avro.schema
import fastavro.schema


def canonical(kind):
    schema = {"type": "record", "name": "Event", "fields": [{"name": "time", "type": kind}]}
    by_avro, by_fastavro = avro.schema.parse(json.dumps(schema)), fastavro.schema.to_parsing_canonical_form(schema)
    print("avro:    ", by_avro.canonical_form)
    print("fastavro:", by_fastavro)
    fingerprint = fastavro.schema.fingerprint(by_fastavro, "CRC-64-AVRO")
    print("fingerprints:", by_avro.fingerprint().hex(), fingerprint)
    return by_avro.canonical_form, by_avro.fingerprint().hex() == fingerprint


RULED = '{"name":"Event","type":"record","fields":[{"name":"time","type":"long"}]}'
hold("a long", canonical("long"), (RULED, True))
hold(
    "a timestamp-millis",
    canonical({"type": "long", "logicalType": "timestamp-millis"}),
    (RULED.replace('"type":"long"', '"type":{"type":"long"}'), False),
)
PY
