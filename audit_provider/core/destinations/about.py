"""Facts about each destination for its documentation page: set-up, guarantees, duplicates, limits of proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class About:
    """Facts about a destination type, in Markdown.

    :ivar title: Name of the product.
    :ivar docs: Address of the vendor's page.
    :ivar create: What must exist at the destination.
    :ivar connection: Type of the Airflow connection, and what to put into it.
    :ivar guarantee: What "delivered" means.
    :ivar duplicates: When an event may arrive twice, and how to identify repeats.
    :ivar old_events: What happens to old events.
    :ivar unseen: Losses at the destination that a sender cannot notice.
    :ivar losing: What receivers lose with their default configuration: receiver, what it does, setting to change.
    :ivar example: Its entry in the pipelines file, without ``type``.
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
    "VictoriaLogs, every protocol",
    "keeps seven days: it answers success to events that are older, or more than two days in the future, and drops "
    "them, so a backfill stores nothing",
    "`-retentionPeriod` and `-futureRetention`, before a backfill",
)

ABOUT: dict[str, About] = {
    "s3": About(
        title="Amazon S3",
        docs="https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
        create="A bucket, and a key pair or role with `s3:PutObject` and `s3:GetObject` below the prefix; with "
        "`object_lock` also `s3:PutObjectRetention`, and `s3:GetObjectRetention` to check the lock.",
        connection="`aws`, of Airflow's Amazon provider, with all its options: roles, profiles, endpoints.",
        guarantee="Each event is in one object that S3 has confirmed; objects appear complete or not at all. After "
        "the first object, a run checks that the store has applied the requested encryption and Object Lock; "
        "otherwise it stops.",
        duplicates="None. The name of an object is derived from its content, and it is written only if no object has "
        "that name, so a repeat after a crash or a lost answer finds it. A store that ignores `If-None-Match` gets "
        "the same object again with the same name.",
        old_events="Any age. The object is in the partition of the day when its events happened.",
        unseen="Lifecycle rules and deletions in the bucket. `object_lock` prevents deletion even by administrators.",
        losing=(
            (
                "OpenStack Swift 2.38 (s3api)",
                "ignores Object Lock: the run stops after the first object",
                "none: leave out `object_lock`, or use another store",
            ),
            (
                "SeaweedFS 4.48",
                "creates a bucket that does not exist, so a misspelt `bucket` is no error",
                "give the key no permission to create buckets",
            ),
            (
                "SeaweedFS 4.48",
                "answers 500 to `sse` if it has no key for it, so each run is tried again as in an outage",
                "remove `sse`, or give it a key",
            ),
            (
                "nginx in front of S3",
                "refuses bodies over 1 MB (413: the run stops) and requests over `limit_req` (sent again)",
                "`client_max_body_size`, or a lower `batch_bytes`; `limit_req`",
            ),
        ),
        example={"bucket": "my-audit-logs", "prefix": "audit"},
    ),
    "splunk_hec": About(
        title="Splunk HTTP Event Collector",
        docs="https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/"
        "http-event-collector-rest-api-endpoints",
        create="A token of the HTTP Event Collector that may write to the index named here.",
        connection="`splunk_hec`: host (the collector's URL, with port) and password (the token).",
        guarantee="The collector has accepted each event. With `ack: true` the indexers have written it.",
        duplicates="A batch whose answer is lost is sent again. With `ack: true`, so are a batch that is not "
        "acknowledged in time and the events before a refused event in its batch. The indexed field `event_id` "
        "identifies repeats.",
        old_events="Any age, with the time when they happened; an index's own retention may drop them.",
        unseen="Without `ack`, losses between collector and indexer. Some load balancers answer 200 themselves.",
        losing=(
            (
                "Fluent Bit 5.1 (`splunk`)",
                "answers 200 to a batch that it cannot read, for example with a record nested 400 levels deep, and "
                "stores nothing from that record on; events in its memory are lost in a crash",
                "`storage.type filesystem`; `batch_events: 1` if records are nested that deep",
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
                "answers before the events are indexed, so a full queue or a crash loses them",
                "`ack: true` here, indexer acknowledgement on the token in Splunk",
            ),
        ),
        example={"index": "audit"},
    ),
    "datadog": About(
        title="Datadog logs",
        docs="https://docs.datadoghq.com/api/latest/logs/send-logs/",
        create="An API key of the site. Exclusion filters and quotas of the index apply.",
        connection="`datadog_logs`: password (the API key), extra `site`, such as `datadoghq.eu`.",
        guarantee="The intake has accepted each event (202). It indexes events later, according to the organisation's "
        "filters.",
        duplicates="A batch whose answer is lost is sent again. The attribute `evt.id` identifies repeats.",
        old_events="The intake silently drops events older than 18 hours. Events older than 17 hours are sent with "
        "the current time, with their own time in `evt.time`, or are set aside (`too_old: dead_letter`). To load a "
        "long past, use the S3 layout `datadog_archive` and rehydrate.",
        unseen="Filters, quotas and pipelines of the organisation that drop logs after the intake accepted them.",
        example={"service": "pylon", "tags": ["team:security"]},
    ),
    "elasticsearch": About(
        title="Elasticsearch and OpenSearch",
        docs="https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk",
        create="A user or API key with `create_doc` (and `auto_configure`) on the stream. This package contains an "
        "index template for both products; `template: install` installs it.",
        connection="`elasticsearch_logs`: host and an API key as password, or login and password, or extra `auth: aws` "
        "for a signed request to Amazon's services.",
        guarantee="The store has confirmed each document individually (201).",
        duplicates="None within a write index: each document has its own `_id`, and a repeat is answered with 409. A "
        "record with a known id and different content has an `_id` with its digest, so it is stored separately. After "
        "a rollover, a repeat of a batch whose answer was lost would be stored again; `event.id` identifies repeats.",
        old_events="Any age, with their own time in `@timestamp`. Time series streams have their own limits and "
        "refuse single items.",
        unseen="Ingest pipelines that drop documents. Documents in a failure store are counted and reported.",
        losing=(
            (
                "VictoriaLogs 1.26 and 1.52 (`_bulk`)",
                "answers 201 for items over 256 kB or with more than 1,000 fields, and drops them; serves only "
                "`/_bulk`",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`; this package is not made for it",
            ),
            _RETENTION,
            (
                "OpenSearch 2.19 and 3.9, with the template of this package",
                "refuse a record with a value of more than 32,766 bytes, because `flat_object` indexes all values; "
                "here it becomes a dead letter",
                "`format: ocsf`, or a template with `saas` and `raw` as `object` with `enabled: false`",
            ),
            (
                "OpenSearch 2.19",
                "a record nested 900 levels deep overflows the stack of a node that stores it as `flat_object`. "
                "Documents of more than 200 levels are not sent; here they become dead letters",
                "none",
            ),
            (
                "Elasticsearch and OpenSearch",
                "refuse documents that would bring a stream to more than 1,000 fields; here they become dead letters",
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
        guarantee="The service has accepted each event (204). It appears in the table some minutes later.",
        duplicates="A batch whose answer is lost is sent again. The column `EventId` identifies repeats.",
        old_events="The service replaces the time of rows older than two days. Events older than 47 hours are sent "
        "with the current time as `TimeGenerated`; their own time is always in `EventTime`.",
        unseen="A transformation in the rule that drops rows, columns that the stream does not declare, and the daily "
        "cap of a workspace.",
        example={"rule_id": "dcr-0123456789abcdef0123456789abcdef", "stream": "Custom-AuditLogs_CL"},
    ),
    "http": About(
        title="Any HTTP receiver",
        docs="https://github.com/standard-webhooks/standard-webhooks",
        create="What the receiver needs: a URL, and a header, a token, a login or a signature secret.",
        connection="`http_siem`: host (the whole URL), extra `auth`: `header` (password `Name: value`), `bearer`, "
        "`basic`, `signature` or `none`.",
        guarantee='The receiver has answered each batch with a status that means "accepted".',
        duplicates="A batch whose answer is lost is sent again with the same `webhook-id` or `id_header`, and the "
        "same event ids. After three broken connections in a row it is halved, and its halves have their own ids.",
        old_events="Depends on the receiver. `max_age_hours` states the age from which it drops events; presets set "
        "it.",
        unseen="What a receiver does after its answer. For each preset, the table below says what its 2xx does not "
        "prove.",
        losing=(
            (
                "Fluent Bit 5.1 (`http`)",
                "answers 201 to an array that it cannot read, for example with a record nested 400 levels deep, and "
                "stores nothing from that record on",
                "none: use `otlp`, or `shape: single`",
            ),
            (
                "Fluent Bit 5.1 (`opentelemetry`)",
                "answers 201, which the preset `otlp` accepts as success",
                "none needed",
            ),
            (
                "VictoriaLogs 1.26 and 1.52 (`jsonline`)",
                "answers 200, and drops lines that it cannot read (times before 1678 or after 2261, nested 400 levels "
                "deep), lines with more than 1,000 fields, and a line over 256 kB with everything after it; 1.26 also "
                "drops everything after a line with a time in the year 1 or 9999",
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
        create="A receiver of RFC 5424 messages over TLS with octet counting, usually on port 6514.",
        connection="`syslog_tls`: host, port, extras `ca`, `cert`, `key`, `server_hostname`.",
        guarantee="Best effort: each event was written, and the receiver did not close the connection. Syslog has no "
        "confirmation.",
        duplicates="A batch whose connection breaks is written again. `event_id` in the structured data identifies "
        "repeats.",
        old_events="Any age, with the time when they happened; receivers may have their own limits.",
        unseen="What a receiver discards, and what was in transit when a connection broke unnoticed.",
        losing=(
            (
                "rsyslog 8.2302",
                "cuts messages longer than 8,096 bytes (its `8k`), which only its own log shows; frames over 200,000 "
                "bytes are merged",
                '`$MaxMessageSize`, or `global(maxMessageSize="64k")`, before `message_bytes` is raised',
            ),
            (
                "syslog-ng 3.38",
                "closes the connection on a message over 65,536 bytes; here that event becomes a dead letter",
                "`log-msg-size()`, before `message_bytes` is raised",
            ),
            (
                "Fluent Bit 5.1",
                "reads frames that end with a newline, and accepts no frames with octet counts",
                "`Format octet_counting` of its `syslog` input",
            ),
            ("Fluent Bit 5.1", "drops events before 1970 or in the far future", "none: check its log"),
            (
                "VictoriaLogs 1.26 and 1.52",
                "closes the connection on a time before 1678 or after 2261; here that event becomes a dead letter. It "
                "drops items over 256 kB or with more than 1,000 fields",
                "`-insert.maxLineSizeBytes`, `-insert.maxFieldsPerLine`",
            ),
            _RETENTION,
            (
                "a web server written in Go, on the port of `transport: tcp`",
                "waits for the end of a line and does not answer, so everything counts as written",
                "use TLS, so that no other server can be mistaken for a receiver",
            ),
            (
                "HAProxy 2.6 that terminates TLS",
                "accepts connections while its receiver is down, and closes them after 3 s; if packets are dropped, "
                "after 20 s with `timeout connect 5s`. This package waits 4 s on a first connection",
                "`retries` x 1 s, or (`retries` + 1) x `timeout connect`, below 4 s; or terminate TLS at the receiver",
            ),
        ),
        example={"facility": "audit"},
    ),
    "sftp": About(
        title="Files over SFTP",
        docs="https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02",
        create="An account with permission to write and rename in one folder.",
        connection="`sftp`, of Airflow's SFTP provider (the extra `ssh`). Host keys are checked.",
        guarantee="Each event is in a file whose size the server confirmed before it got its final name.",
        duplicates="None while the files stay: the name of a file is derived from its content, so a repeat is "
        "recognised. If a reader moves files away, a batch whose answer was lost may be written again.",
        old_events="Any age. The file is in the partition of the day when its events happened.",
        unseen="What the reader of the folder does with the files.",
        example={"folder": "audit"},
    ),
}
"""By the type's name in the pipelines file."""
