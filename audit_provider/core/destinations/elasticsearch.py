"""Elasticsearch and OpenSearch, by ``_bulk``: one implementation for both.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
https://docs.opensearch.org/latest/api-reference/document-apis/bulk
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import quote

from isal import igzip

from audit_provider.core.destinations.answers import MAYBE_STORED, Rules, judge
from audit_provider.core.destinations.base import Batch, Limits, Outcome
from audit_provider.core.destinations.elasticsearch_check import check_access
from audit_provider.core.destinations.elasticsearch_documents import (
    Documents,
    Scope,
    check_namespace,
    check_target,
    stream_name,
)
from audit_provider.core.destinations.elasticsearch_items import BLOCKED, FILTER_PATH, blocked, judge_items
from audit_provider.core.destinations.elasticsearch_templates import install_template
from audit_provider.core.destinations.spec import (
    VICTORIALOGS_RETENTION,
    About,
    Access,
    ConnectionType,
    DestinationSpec,
    Extra,
    Field,
)
from audit_provider.core.errors import MaybeStoredError
from audit_provider.core.formats import Envelope
from audit_provider.core.records.links import discover

if TYPE_CHECKING:
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin, Window
    from audit_provider.core.wire.http import HttpClient

_log = logging.getLogger(__name__)

_GZIP_LEVEL = 1
_EVENT_BYTES = 10_000_000  # a request may hold 10 MiB on the smallest clusters of Amazon OpenSearch Service
_RULES = Rules(
    accepted=frozenset(),  # 200 is judged event by event
    credential="check API key, login, password or AWS role of the connection, and its permission 'create_doc'.",
    address="check that the connection's host is the cluster's address.",
    faults=frozenset({400, 413}),
)


@dataclass(frozen=True, slots=True)
class ElasticsearchOptions:
    """Options of an ``elasticsearch`` destination in the pipelines file.

    :ivar target: Data stream or index. Default: ``logs-saas_audit.<source>-<namespace>``. Example: ``logs-audit-prod``.
    :ivar namespace: Last part of the default target. Example: ``prod``.
    :ivar batch_events: Maximum number of events in one request. Example: ``500``.
    :ivar batch_bytes: Maximum size of one request in bytes, before compression. A managed cluster may accept at most 10
        MiB.
    :ivar document_id: Scope of the document's ``_id``, which contains the event's id: ``pipeline`` adds the source and
        the pipeline. ``source`` adds only the source, for several pipelines that read the same events. ``none`` sends
        no ids, for stores that accept none; a repeat after a lost answer is then stored twice.
    :ivar failure_store: What to do with an event that the store put into its failure store: ``accept`` counts it as
        delivered and logs it, ``dead_letter`` also sets it aside.
    :ivar template: ``install`` installs the index template of this package before the first batch; the credential needs
        the permission. ``leave`` installs nothing.
    :ivar product: Product for the template: ``elasticsearch``, ``opensearch``, or ``auto``, which asks ``GET /``; some
        services do not answer that.
    """

    default_conn_id: ClassVar[str] = "elasticsearch_logs_default"
    default_format: ClassVar[str] = "ecs"

    target: str | None = None
    namespace: str = "default"
    batch_events: int = 1000
    batch_bytes: int = 5_000_000
    document_id: Scope = "pipeline"
    failure_store: Literal["accept", "dead_letter"] = "accept"
    template: Literal["leave", "install"] = "leave"
    product: Literal["auto", "elasticsearch", "opensearch"] = "auto"

    def __post_init__(self) -> None:
        check_namespace(self.namespace)
        if self.target is not None:
            check_target(self.target)


class ElasticsearchDestination:
    """A data stream or an index.

    Every document is created with its own ``_id``, so a repeat is answered with 409 and stored once. That holds only
    within the stream's current write index: a repeat from before a rollover is stored again.

    :param client: has the credential in its session.
    """

    def __init__(
        self, options: ElasticsearchOptions, origin: Origin, client: HttpClient, *, form: Form | None = None
    ) -> None:
        self.target = options.target or stream_name(origin.source, options.namespace)
        self._options = options
        self._client = client
        self._path = f"/{quote(self.target, safe='')}/_bulk"
        self._documents = Documents(form or Envelope(origin), origin, self.target, options.document_id)
        self._limits = Limits(
            events=options.batch_events, batch_bytes=options.batch_bytes, event_bytes=_EVENT_BYTES, separator=1
        )
        self._lock = threading.Lock()
        self._prepared = options.template == "leave"

    @property
    def limits(self) -> Limits:
        """See :class:`~audit_provider.core.destinations.base.Destination`."""
        return self._limits

    def encode(self, event: Event, *, restamp: bool) -> bytes:
        """Return the two lines of the event: the action with its ``_id``, and the document."""
        return self._documents.lines(event)

    def send(self, batch: Batch) -> Outcome:
        """Post the lines, and judge the answer event by event."""
        self._prepare()
        body = igzip.compress(b"\n".join([*[item.encoded for item in batch.items], b""]), _GZIP_LEVEL, mtime=0)
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", "Accept": "application/json"}
        answer = self._client.send("POST", self._path, params={"filter_path": FILTER_PATH}, headers=headers, body=body)
        if answer.status == 200 and not answer.body.strip():
            # VictoriaLogs stores the lines before one that it cannot read, and does not say so.
            raise MaybeStoredError(
                f"{answer.where} answered 200 without a result for the documents, as a store does that cannot read one "
                f"of them: {MAYBE_STORED}"
            )
        if answer.status == 200:
            outcome, diverted = judge_items(
                answer,
                len(batch),
                self._client,
                self.target,
                accept_failure_store=self._options.failure_store == "accept",
            )
            if diverted:
                self._report(diverted, len(batch))
            return outcome
        if answer.status == 403 and BLOCKED.encode() in answer.body:
            raise blocked(f"{answer.where} answered 403{self._client.words(answer)}", self.target)
        return judge(answer, len(batch), _RULES, self._client)

    def check(self) -> str:
        """Test the credential without writing. It needs only permissions that every credential has."""
        said = check_access(self._client, self.target)
        return said if self._options.template == "leave" else f"{said} {self.install_template()}"

    def install_template(self) -> str:
        """Install the index template for the target; return what was done.

        :raises AuditError: see :func:`~audit_provider.core.destinations.elasticsearch_templates.install_template`.
        """
        return install_template(self._client, product=self._options.product, target=self.target)

    def _prepare(self) -> None:
        if self._prepared:
            return
        with self._lock:
            if not self._prepared:
                _log.info(self.install_template())
                self._prepared = True

    def _report(self, diverted: int, count: int) -> None:
        _log.warning(
            "%s put %d of %d events into its failure store instead of the stream: check %s::failures, and correct the "
            "mapping or the ingest pipeline.",
            self.target,
            diverted,
            count,
            self.target,
        )


def _connect(
    options: ElasticsearchOptions, origin: Origin, connection: Access, form: Form | None = None
) -> ElasticsearchDestination:
    return ElasticsearchDestination(options, origin, connection.client(), form=form)


def _link(options: ElasticsearchOptions, origin: Origin, times: Window, connection: Access) -> str:
    page = connection.page_extra("discover_url")
    return discover(page, options.target or stream_name(origin.source, options.namespace), times) if page else ""


ELASTICSEARCH = DestinationSpec(
    name="elasticsearch",
    options=ElasticsearchOptions,
    connect=_connect,
    arguments=("target", "namespace"),
    connection=ConnectionType(
        name="elasticsearch_logs",
        title="Elasticsearch / OpenSearch Logs",
        service="Elasticsearch / OpenSearch",
        fields={
            "host": Field("Cluster URL", "base URL", "https://search.example.com:9200"),
            "login": Field("User (basic authentication)", "user, for `basic`"),
            "password": Field("API key or password", "API key, or password of `login`"),
        },
        extras={
            "auth": Extra(
                "Authentication",
                "api_key, basic or aws; default: basic if there is a user, otherwise api_key",
                values=("api_key", "basic", "aws"),
            ),
            "aws_conn_id": Extra("AWS connection", "Connection whose keys or role sign requests; default: aws_default"),
            "region": Extra("AWS region", "Region of the domain or collection, if the URL does not contain it"),
            "service": Extra("AWS service", "es, or aoss for OpenSearch Serverless", values=("es", "aoss")),
            "discover_url": Extra(
                "Discover URL", "For links in tasks, for example https://kibana.example.com/app/discover"
            ),
        },
    ),
    hook="audit_provider.hooks.elasticsearch_logs.ElasticsearchLogsHook",
    link_label="Discover",
    link=_link,
    about=About(
        title="Elasticsearch and OpenSearch",
        docs="https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk",
        create="A user or API key with `create_doc` (and `auto_configure`) on the stream. This package contains an "
        "index template for both products; `template: install` installs it.",
        connection="`elasticsearch_logs`: host and an API key as password, or login and password, or extra `auth: aws` "
        "for a signed request to Amazon's services.",
        guarantee="The store has confirmed each document individually (201).",
        duplicates="None within a write index: each document has its own `_id`, and a repeat is answered with 409. A "
        "record with a known id and different content has an `_id` with its digest, so it is stored separately. If it "
        "comes later than readings look back, it has the plain `_id`, and the first document stays: the scheduled "
        "verification names it as altered. After a rollover, a repeat of a batch whose answer was lost would be stored "
        "again; `event.id` identifies repeats.",
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
            VICTORIALOGS_RETENTION,
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
)
