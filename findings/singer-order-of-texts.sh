#!/usr/bin/env bash
# A stream in order is refused as unsorted
#
# Software: PyPI singer-sdk 0.54.9
# Expected: Documentation, Stream.is_sorted: set where records come in the order of the replication key. RFC
#           3339, section 5.1: times as texts are in order only where all have the same zone and the same number
#           of digits.
# Seen:     The key is compared as text: 10:00:00.5Z behind 10:00:00Z raises InvalidStreamSortException, and so
#           does 06:00-05:00 behind 10:00Z. Number ids that a service writes as texts stop at 999 and 1000.
# Matters:  Many services leave out the fraction of whole seconds. The tap stops in the middle of a good list,
#           on some days and not on others.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet singer-sdk==0.54.9
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from singer_sdk.exceptions import InvalidStreamSortException
from singer_sdk.helpers._state import increment_state

for first, second in (
    ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.5Z"),
    ("2026-03-01T10:00:00Z", "2026-03-01T06:00:00-05:00"),
    ("999", "1000"),
):
    state = {}
    try:
        for value in (first, second):
            increment_state(state, latest_record={"key": value}, replication_key="key", is_sorted=True, check_sorted=True)
        seen = state
    except InvalidStreamSortException as error:
        print(error)
        seen = "InvalidStreamSortException"
    hold(f"{first}, then {second}", seen, "InvalidStreamSortException")
PY
