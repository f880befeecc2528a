#!/usr/bin/env bash
# The enterprise number of one structured-data element goes over to the next
#
# Software: PyPI rfc5424-logging-handler 1.4.3
# Expected: Documentation of the handler, enterprise_id: it completes the ids that have no "@" of their own. RFC
#           5424, section 7.2.2 of the ids, 6.3.2: the number says who defined the element.
# Seen:     With enterprise_id="32473", the elements "vendor@111" and "audit" are sent as vendor@111 and
#           audit@111. Alone, or first, "audit" is audit@32473.
# Matters:  The same element has two ids, depending on what stands before it: a receiver that looks for
#           audit@32473 misses those records.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rfc5424-logging-handler==1.4.3
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import io
import logging

from rfc5424logging import Rfc5424SysLogHandler

sent = io.BytesIO()
handler = Rfc5424SysLogHandler(address=None, stream=sent, enterprise_id="32473", hostname="host", appname="app", procid="1")
log = logging.getLogger("audit")
log.addHandler(handler)


def written(elements):
    sent.seek(0)
    sent.truncate()
    log.warning("hello", extra={"structured_data": elements})
    return sent.getvalue().decode().split(" - ", 1)[1].split(" \ufeff")[0]


hold("audit alone", written({"audit": {"id": "1"}}), '[audit@32473 id="1"]')
hold("after vendor@111", written({"vendor@111": {"k": "v"}, "audit": {"id": "1"}}), '[vendor@111 k="v"][audit@111 id="1"]')
PY
