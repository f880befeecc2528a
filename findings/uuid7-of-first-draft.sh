#!/usr/bin/env bash
# The time in an id of one UUIDv7 library is read 174 years off by another
#
# Software: PyPI uuid7 0.1.0 as the writer; uuid_utils 1.2.0 as the reader, and as the writer for comparison
# Expected: RFC 9562, section 5.7: the first 48 bits of a UUID of version 7 are the milliseconds since 1970.
# Seen:     uuid7 writes the layout of an early draft, seconds in the first 36 bits, under the version number of
#           the standard. Of an id for 1 March 2026, uuid_utils reads 17 January 2200. Ids of uuid_utils itself
#           are read right. Such an id also sorts behind every id of the standard made in the next 170 years.
# Matters:  Ids of this kind serve as cursors, as keys of partitions and in place of the time. A range by id finds
#           nothing, or the newest event is always the same one.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uuid7==0.1.0 uuid_utils==1.2.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from datetime import datetime, timezone

import uuid_utils
from uuid_extensions import uuid7


def day(identifier):
    return datetime.fromtimestamp(uuid_utils.UUID(str(identifier)).timestamp / 1000, timezone.utc).date().isoformat()


seconds = 1772359200
standard = uuid_utils.uuid7(nanoseconds=seconds * 10**9)
draft = uuid7(seconds * 10**9)
hold("version of both", (standard.version, draft.version), (7, 7))
hold("control, id of uuid_utils", (day(standard), str(standard)[:13]), ("2026-03-01", "019ca8d7-2d00"))
hold("id of uuid7", (day(draft), str(draft)[:13]), ("2200-01-17", "069a40e2-0000"))
hold("id of uuid7 sorts behind the year 2190", str(draft) > str(uuid_utils.uuid7(nanoseconds=6942585600 * 10**9)), True)
PY
