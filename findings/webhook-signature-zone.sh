#!/usr/bin/env bash
# A webhook is signed with another time than the one given
#
# Software: PyPI standardwebhooks 1.1.0, svix 2.9.1
# Expected: Standard Webhooks specification, "Signature scheme": the signed content has the timestamp as seconds
#           since 1970. sign takes a datetime; an aware one is one moment in every zone, and a naive one is
#           local time (Python documentation, datetime.timestamp).
# Seen:     The zone of the datetime is replaced by UTC, not converted: the same moment in +09:00 gives another
#           signature, which verify refuses. datetime.now() signs rightly on machines in UTC only.
# Matters:  Events are refused by every right receiver, but not in a container in UTC where the tests ran.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet standardwebhooks==1.1.0 svix==2.9.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import base64
from datetime import datetime, timedelta, timezone

import standardwebhooks
import svix

for name, module in (("standardwebhooks", standardwebhooks), ("svix", svix)):
    webhook = module.Webhook(base64.b64encode(b"a key of 24 bytes to try").decode())
    now = datetime.now(timezone.utc)
    for zone, known in ((timezone.utc, "verified"), (timezone(timedelta(hours=9)), "refused")):
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
        headers["webhook-signature"] = webhook.sign("msg_1", now.astimezone(zone), '{"id":"1"}')
        headers |= {key.replace("webhook", "svix"): value for key, value in headers.items()}
        try:
            webhook.verify('{"id":"1"}', headers)
            seen = "verified"
        except module.WebhookVerificationError:
            seen = "refused"
        hold(f"{name}, signed at a time in {zone}", seen, known)
PY
