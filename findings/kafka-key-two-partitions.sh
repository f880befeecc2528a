#!/usr/bin/env bash
# Two Kafka clients put one key into two partitions
#
# Software: npm kafkajs 2.2.4; PyPI confluent-kafka 2.16.1 (librdkafka) with its built-in mock broker, both with
#           default settings
# Expected: Apache Kafka, "Design", load balancing: a key is hashed to a partition, so that all data of one key,
#           such as a user, are in one partition, where they keep their order.
# Seen:     Of five keys and four partitions, kafkajs puts three into other partitions than confluent-kafka does.
#           The one has the hash of the Java client (murmur2), the other a CRC32; the option "partitioner":
#           "murmur2_random" makes them agree.
# Matters:  Once a second shipper in another language writes to the topic, or a shipper is rewritten, the events of
#           one account are in two partitions, and a consumer reads a logout before its login.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
npm init -y >"$work/npm.log"
npm install --no-audit --no-fund --silent kafkajs@2.2.4
cat >check.mjs <<'JS'
import kafkajs from "kafkajs";
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
function hold(what, seen, known) {
  console.log(`${what}: ${JSON.stringify(seen)}`);
  if (!same(seen, known)) { console.error(`CHANGED, ${what} was ${JSON.stringify(known)}`); process.exit(1); }
}
const partitions = [0, 1, 2, 3].map((partitionId) => ({ partitionId, leader: 1 }));
const choose = kafkajs.Partitioners.DefaultPartitioner();
const keys = ["user-1", "user-2", "user-3", "a", "21"];
hold("kafkajs", keys.map((key) => choose({ topic: "audit", partitionMetadata: partitions, message: { key } })), [0, 0, 3, 0, 0]);
JS
KAFKAJS_NO_PARTITIONER_WARNING=1 node check.mjs

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet confluent-kafka==2.16.1
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


from confluent_kafka import Producer


def partitions(options):
    producer = Producer({"test.mock.num.brokers": 1, "log_level": 0, **options})
    count = len(producer.list_topics("audit", timeout=30).topics["audit"].partitions)
    found = {}
    keys = ("user-1", "user-2", "user-3", "a", "21")
    for key in keys:
        producer.produce("audit", b"event", key, on_delivery=lambda _, sent: found.update({sent.key(): sent.partition()}))
    producer.flush(30)
    return count, [found[key.encode()] for key in keys]


hold("confluent-kafka", partitions({}), (4, [0, 2, 0, 3, 0]))
hold("confluent-kafka, murmur2_random", partitions({"partitioner": "murmur2_random"}), (4, [0, 0, 3, 0, 0]))
PY
