#!/usr/bin/env bash
# Bulk helpers take fields of the document for metadata of the request
#
# Software: PyPI elasticsearch 9.5.1, opensearch-py 3.2.0
# Expected: Documentation, "Bulk helpers": where there is no _source, the metadata fields are taken out and the
#           rest is the document. The example has names with an underscore only, such as _id and _routing.
# Seen:     A document with the keys version, routing, pipeline and parent loses all four: they go into the
#           action line. The document has the other keys only.
# Matters:  Audit events of build systems have "pipeline", and many have "version". The stored document lacks
#           them, and the cluster runs an ingest pipeline of that name, routes to another shard, or refuses the
#           item. With _source nothing is taken.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet elasticsearch==9.5.1 opensearch-py==3.2.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from elasticsearch.helpers import expand_action
from opensearchpy.helpers import expand_action as expand_action_opensearch

event = {"id": "1", "action": "deploy", "version": 3, "routing": "eu", "pipeline": "release", "parent": "p"}
for name, expand in (("elasticsearch", expand_action), ("opensearch-py", expand_action_opensearch)):
    action, document = expand({"_index": "audit", **event})
    hold(f"{name}, document", document, {"id": "1", "action": "deploy"})
    hold(f"{name}, action", sorted(action["index"]), ["_index", "parent", "pipeline", "routing", "version"])
    hold(f"{name}, document of _source", expand({"_index": "audit", "_source": event})[1], event)
PY
