"""What each destination promises: for the documentation, and for whoever must prove completeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class About:
    """What a destination type is good for.

    :ivar title: its product. :ivar docs: the vendor's page. :ivar create: what has to exist there.
    :ivar connection: the type of Airflow connection, and what goes into it.
    :ivar guarantee: what "delivered" means. :ivar duplicates: when an event may arrive twice, and how to tell.
    :ivar old_events: what becomes of events from long ago. :ivar unseen: what no shipper can see from outside.
    :ivar losing: what receivers lose by their defaults: which one, what it does, and the setting to change.
    :ivar example: its entry in the pipelines file, without ``type``.
    """

    title: str
    docs: str
    create: str
    connection: str
    guarantee: str
    duplicates: str
    old_events: str
    unseen: str
    losing: tuple[tuple[str, str, str], ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)


_RETENTION = (
    "VictoriaLogs, by every way in",
    "keeps seven days: it answers success to what is older, or more than two days ahead, and drops it, so that a "
    "backfill leaves nothing there",
    "`-retentionPeriod` and `-futureRetention`, before a backfill",
)

ABOUT: dict[str, About] = {
    "s3": About(
        title="Amazon S3",
        docs="https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
        create="A bucket, and a key pair or role that may `s3:PutObject` and `s3:GetObject` below the prefix; with "
        "`object_lock` also `s3:PutObjectRetention`, and `s3:GetObjectRetention` so that the lock can be looked at.",
        connection="`aws`, of Airflow's Amazon provider, with everything it knows: roles, profiles, endpoints.",
        guarantee="Each event is in one object that S3 has confirmed; objects appear whole or not at all. With the "
        "first object of a run it is seen that the store knows the encryption and the Object Lock that were asked for; "
        "else the run stops.",
        duplicates="None. An object is named by its content and written only where there is none of that name, so "
        "a repeat after a crash or a lost answer finds it there. A store that ignores `If-None-Match` gets the same "
        "object again under the same name.",
        old_events="Any age. The object lies in the partition of the day on which its events happened.",
        unseen="Lifecycle rules and deletions in the bucket: `object_lock` keeps even administrators from them.",
        losing=(
            (
                "OpenStack Swift 2.38 (s3api)",
                "ignores Object Lock: the run stops after the first object",
                "none: leave out `object_lock`, or use another store",
            ),
            (
                "SeaweedFS 4.48",
                "makes a bucket that does not exist, so that a misspelt `bucket` is no error",
                "give the key no right to make buckets",
            ),
            (
                "SeaweedFS 4.48",
                "answers 500 to `sse` where it has no key for that, so that each run is tried again as in an outage",
                "leave out `sse`, or give it a key",
            ),
            (
                "nginx before S3",
                "refuses bodies over 1 MB (413: the run stops) and what is over `limit_req` (sent again)",
                "`client_max_body_size`, or a lower `batch_bytes`; `limit_req`",
            ),
        ),
        example={"bucket": "my-audit-logs", "prefix": "audit"},
    ),
    "splunk_hec": About(
        title="Splunk HTTP Event Collector",
        docs="https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/"
        "http-event-collector-rest-api-endpoints",
        create="A token of the HTTP Event Collector whose allowed indexes hold the one named here.",
        connection="`splunk_hec`: host (the collector's URL, port included) and password (the token).",
        guarantee="The collector has accepted each event. With `ack: true` the indexers have written it.",
        duplicates="A batch whose answer is lost is sent again. With `ack: true` so is one that is not acknowledged in "
        "time, and what stood before a refused event in its batch. The indexed field `event_id` tells.",
        old_events="Any age, under the time at which they happened; an index's own retention may drop them.",
        unseen="Without `ack`, what is lost between collector and indexer. Some load balancers answer 200 themselves.",
        losing=(
            (
                "Fluent Bit 5.1 (`splunk`)",
                "answers 200 to a batch that it cannot read, as of a record nested 400 deep, and stores nothing from "
                "that record on; what it holds in memory is lost with it",
                "`storage.type filesystem`; `batch_events: 1` where records are nested so deep",
            ),
            (
                "VictoriaLogs 1.52 (`/services/collector`)",
                "answers success to a batch that it cannot read to its end, as of a record nested 400 deep, and stores "
                "nothing from that record on; drops events of more than 1,000 fields; puts those before 1678 and after "
                "2261 under another time",
                "`batch_events: 1` where records are nested so deep, `-insert.maxFieldsPerLine`",
            ),
            _RETENTION,
            (
                "Splunk",
                "answers before what it took is indexed, so that a queue that is full or a crash loses it",
                "`ack: true` here, indexer acknowledgement on the token there",
            ),
        ),
        example={"index": "audit"},
    ),
    "datadog": About(
        title="Datadog logs",
        docs="https://docs.datadoghq.com/api/latest/logs/send-logs/",
        create="An API key of the site. Exclusion filters and quotas of the index apply.",
        connection="`datadog_logs`: password (the API key), extra `site`, such as `datadoghq.eu`.",
        guarantee="The intake has accepted each event (202); it indexes later, by the organisation's filters.",
        duplicates="A batch whose answer is lost is sent again. The attribute `evt.id` tells.",
        old_events="The intake drops what is older than 18 hours without a word. Events over 17 hours travel under "
        "their arrival time, with the true one in `evt.time`, or are set aside (`too_old: dead_letter`). For long "
        "pasts, use the S3 layout `datadog_archive` and rehydrate.",
        unseen="Filters, quotas and pipelines of the organisation that drop logs after the intake took them.",
        example={"service": "pylon", "tags": ["team:security"]},
    ),
    "elasticsearch": About(
        title="Elasticsearch and OpenSearch",
        docs="https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk",
        create="A user or API key that may `create_doc` (and `auto_configure`) on the stream. An index template for "
        "both products comes with this package; `template: install` puts it there.",
        connection="`elasticsearch_logs`: host and an API key as password, or login and password, or extra `auth: aws` "
        "for a signed request to Amazon's services.",
        guarantee="The store has confirmed each document by itself (201).",
        duplicates="None within a write index: each document has an `_id` of its own, and a repeat is answered with "
        "409. A record that came under a known id with another content has an `_id` with its digest, so it is stored "
        "beside the first. After a rollover, a repeat of the batch whose answer was lost would be stored again; "
        "`event.id` tells.",
        old_events="Any age, under `@timestamp`. Time series streams have bounds of their own and refuse by item.",
        unseen="Ingest pipelines that drop documents; what lies in a failure store is counted and told.",
        losing=(
            (
                "VictoriaLogs 1.26 and 1.52 (`_bulk`)",
                "answers 201 for items over 256 kB and of more than 1,000 fields, and drops them; serves only `/_bulk`",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`; it is no target that this package is made for",
            ),
            _RETENTION,
            (
                "OpenSearch 2.19 and 3.9, with the template of this package",
                "refuse a record that holds a value of more than 32,766 bytes, since `flat_object` indexes all values; "
                "here it becomes a dead letter",
                "`format: ocsf`, or a template with `saas` and `raw` as `object` with `enabled: false`",
            ),
            (
                "OpenSearch 2.19",
                "a record nested 900 deep overflows the stack of a node that has a `flat_object` for it. Documents of "
                "more than 200 levels are not sent; here they become dead letters",
                "none",
            ),
            (
                "Elasticsearch and OpenSearch",
                "refuse documents that bring a stream over 1,000 fields; here they become dead letters",
                "`index.mapping.total_fields.limit`, or the index template of this package",
            ),
        ),
        example={"namespace": "prod"},
    ),
    "sentinel": About(
        title="Microsoft Sentinel",
        docs="https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview",
        create="A table, a data collection rule with a stream for it, and an application with the role *Monitoring "
        "Metrics Publisher* on that rule.",
        connection="`azure_logs_ingestion`: host (the logs ingestion endpoint), login (client id), password (client "
        "secret), extra `tenant_id`. Managed and workload identities by the extra `sentinel`.",
        guarantee="The service has accepted each event (204); it appears in the table some minutes later.",
        duplicates="A batch whose answer is lost is sent again. The column `EventId` tells.",
        old_events="The service gives rows older than two days its own time. Events over 47 hours carry the time of "
        "sending as `TimeGenerated`; the true one is always in `EventTime`.",
        unseen="A transformation in the rule that drops rows, columns that the stream does not declare, and the "
        "daily cap of a workspace.",
        example={"rule_id": "dcr-0123456789abcdef0123456789abcdef", "stream": "Custom-AuditLogs_CL"},
    ),
    "http": About(
        title="Any HTTP receiver",
        docs="https://github.com/standard-webhooks/standard-webhooks",
        create="Whatever the receiver asks for: a URL, and a header, a token, a login or a signature secret.",
        connection="`http_siem`: host (the whole URL), extra `auth`: `header` (password `Name: value`), `bearer`, "
        "`basic`, `signature` or `none`.",
        guarantee="The receiver has answered each batch with a status that means accepted.",
        duplicates="A batch whose answer is lost is sent again with the same `webhook-id` or `id_header`, and the same "
        "event ids. After three broken connections in a row it is halved, and its halves have ids of their own.",
        old_events="As the receiver has it: `max_age_hours` says from which age on it would drop them. Presets know.",
        unseen="Whatever a receiver does after its answer. Each preset says what its 2xx does not prove.",
        losing=(
            (
                "Fluent Bit 5.1 (`http`)",
                "answers 201 to an array that it cannot read, as of a record nested 400 deep, and stores nothing from "
                "that record on",
                "none: use `otlp`, or `shape: single`",
            ),
            (
                "Fluent Bit 5.1 (`opentelemetry`)",
                "answers 201, which the preset `otlp` takes for success",
                "none needed",
            ),
            (
                "VictoriaLogs 1.26 and 1.52 (`jsonline`)",
                "answers 200, and drops lines that it cannot read (times before 1678 or after 2261, nested 400 deep), "
                "lines of more than 1,000 fields, and a line over 256 kB with all that stands behind it; 1.26 also "
                "what stands behind a line of the year 1 or 9999",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`, and `shape: single`; or the preset `loki`",
            ),
            (
                "VictoriaLogs 1.52 (preset `loki`)",
                "answers 204, and drops a line whose JSON has more than 1,000 fields",
                "`-loki.disableMessageParsing`, or `-insert.maxFieldsPerLine`",
            ),
            _RETENTION,
        ),
        example={"shape": "ndjson", "gzip": True},
    ),
    "syslog": About(
        title="Syslog over TLS",
        docs="https://www.rfc-editor.org/rfc/rfc5425",
        create="A receiver of RFC 5424 messages over TLS with octet counting, on port 6514 as a rule.",
        connection="`syslog_tls`: host, port, extras `ca`, `cert`, `key`, `server_hostname`.",
        guarantee="Best effort: each event was written, and the receiver did not hang up. Syslog confirms nothing.",
        duplicates="A batch whose connection breaks is written again. `event_id` in the structured data tells.",
        old_events="Any age, under the time at which they happened; receivers may judge by their own.",
        unseen="What a receiver throws away, and what was on its way when a connection broke unnoticed.",
        losing=(
            (
                "rsyslog 8.2302",
                "cuts what is longer than 8,096 bytes (its `8k`), as only its own log says; frames over 200,000 bytes "
                "run into each other",
                '`$MaxMessageSize`, or `global(maxMessageSize="64k")`, before `message_bytes` is raised',
            ),
            (
                "syslog-ng 3.38",
                "hangs up on a message over 65,536 bytes; here that becomes a dead letter",
                "`log-msg-size()`, before `message_bytes` is raised",
            ),
            (
                "Fluent Bit 5.1",
                "reads frames that end with a newline, and takes none of those with octet counts",
                "`Format octet_counting` of its `syslog` input",
            ),
            ("Fluent Bit 5.1", "drops what happened before 1970 or in the far future", "none: look at its log"),
            (
                "VictoriaLogs 1.26 and 1.52",
                "hangs up on a time before 1678 or after 2261; here that becomes a dead letter. It drops items over "
                "256 kB and of more than 1,000 fields",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`",
            ),
            _RETENTION,
            (
                "a web server in Go at the port of `transport: tcp`",
                "waits for a line's end and says nothing, so that everything counts as written",
                "use TLS, by which nothing else can be taken for a receiver",
            ),
            (
                "HAProxy 2.6, where TLS ends there",
                "takes connections while its receiver is down, and hangs up after 3 s; where packets are dropped, "
                "after 20 s at `timeout connect 5s`. A first connection is listened to for 4 s",
                "`retries` x 1 s, or (`retries` + 1) x `timeout connect`, below 4 s; or let TLS end at the receiver",
            ),
        ),
        example={"facility": "audit"},
    ),
    "sftp": About(
        title="Files over SFTP",
        docs="https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02",
        create="An account that may write and rename in one folder.",
        connection="`sftp`, of Airflow's SFTP provider (the extra `ssh`). Host keys are checked.",
        guarantee="Each event is in a file whose size the server confirmed before it got its final name.",
        duplicates="None while the files stay: a file is named by its content, and a repeat is found there. Where a "
        "reader moves files away, a batch whose answer was lost may be written again.",
        old_events="Any age. The file lies in the partition of the day on which its events happened.",
        unseen="What the reader of the folder does with the files.",
        example={"folder": "audit"},
    ),
}
"""By the type's name in the pipelines file."""
