#!/usr/bin/env bash
# A Decimal in a document is written as a rounded floating-point number
#
# Software: PyPI elasticsearch 9.5.1, opensearch-py 3.2.0; for comparison boto3 1.44.5, which makes such values
# Expected: RFC 8259, section 6: a number may have any number of digits, and JSON of Elasticsearch takes long and
#           text. A serializer that takes a Decimal, which is exact, writes its digits or refuses it.
# Seen:     Decimal("9007199254740993") is written as 9007199254740992.0, and Decimal("12345678901234567890.12") as
#           1.2345678901234567e+19, without an error. boto3 gives each number of DynamoDB as a Decimal, integers as
#           well.
# Matters:  Ids from DynamoDB, and from columns of databases that are numeric, collide or are no longer found in the
#           index. The same ids as int are right.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet elasticsearch==9.5.1 opensearch-py==3.2.0 boto3==1.44.5
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from boto3.dynamodb.types import TypeDeserializer
from elasticsearch.serializer import JsonSerializer
from opensearchpy.serializer import JSONSerializer

number = TypeDeserializer().deserialize({"N": "9007199254740993"})
hold("boto3", repr(number), "Decimal('9007199254740993')")
amount = TypeDeserializer().deserialize({"N": "12345678901234567890.12"})
for name, serializer in (("elasticsearch", JsonSerializer()), ("opensearch-py", JSONSerializer())):
    for value, known in ((number, "9007199254740992.0"), (amount, "1.2345678901234567e+19"), (int(number), "9007199254740993")):
        written = serializer.dumps({"id": value})
        written = written if isinstance(written, str) else written.decode()
        hold(f"{name}, {value!r}", written, f'{{"id":{known}}}')
PY
