"""The destination that ``audit-logs verify --against`` names, and how it is asked."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, cast, get_args
from urllib.parse import parse_qsl, urlsplit

from audit_provider.core.destinations.elasticsearch_documents import Scope, stream_name
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Fields, Origin
from audit_provider.core.runs.asking import contents_of
from audit_provider.core.verification import DocumentSearch, ObjectIds
from audit_provider.core.verification.documents import records_of

if TYPE_CHECKING:
    import argparse

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.verification import Arrival, Progress
    from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook

SEARCHES = ("opensearch", "elasticsearch")


@dataclass(frozen=True, slots=True)
class Address:
    """The parsed value of ``--against``, or of another option that names a place in the same way."""

    scheme: str
    base: str
    target: str
    conn_id: str | None
    scope: Scope

    @classmethod
    def of(cls, text: str, option: str = "--against") -> Address:
        """Parse an address. :param option: that it is the value of. :raises ConfigurationError: it is none."""
        bare, _, query = text.partition("?")
        options = dict(parse_qsl(query))
        scope = options.pop("document_id", "pipeline")
        conn_id = options.pop("conn_id", None)
        if options or scope not in get_args(Scope):
            raise ConfigurationError(
                f"{option} {bare} has an unknown option: known are conn_id, and document_id with one of "
                f"{', '.join(get_args(Scope))}."
            )
        scheme, _, rest = bare.partition(":")
        if scheme in SEARCHES:
            return cls(scheme, "", rest, conn_id, cast("Scope", scope))
        try:
            parts = urlsplit(bare)
        except ValueError:
            raise ConfigurationError(f"{option} is no valid URL: check its host.") from None
        if parts.password is not None or (parts.username and scheme != "s3"):
            raise ConfigurationError(f"{option} must not contain a credential: name a connection with conn_id.")
        if scheme == "s3" and parts.hostname:
            return cls(scheme, parts.hostname, parts.path.strip("/"), conn_id or parts.username, cast("Scope", scope))
        if scheme in ("https", "http") and parts.path.strip("/"):
            base, _, target = bare.rstrip("/").rpartition("/")
            return cls(scheme, base, target, conn_id, cast("Scope", scope))
        raise ConfigurationError(
            f"{option} {bare} does not name a destination: write s3://bucket/prefix, opensearch:<target> or "
            "https://host/<target>."
        )


def arrival_at(
    options: argparse.Namespace, streams: list[str], progress: dict[str, Progress], missing: TextIO | None
) -> Arrival:
    """Return what asks the destination of ``--against`` for the events of the streams.

    :param missing: receives a line for each event that is missing.
    :raises ConfigurationError: the options do not name one destination, or its connection is for another one.
    """
    address = Address.of(options.against)
    pipelines = sorted({folder.partition("/")[0] for folder in streams})
    if len(pipelines) > 1:
        raise ConfigurationError(
            f"the spool contains {', '.join(pipelines)}: name with --pipeline the one that is at --against."
        )
    known = sorted(progress.items(), key=lambda each: not each[0].endswith("/live"))
    position = known[0][1].position if known else None
    pipeline = described(pipelines[0]) if pipelines else None
    positions = {folder: each.position for folder, each in progress.items()}
    own_source = pipeline.source if pipeline else None
    if address.scheme == "s3":
        from audit_provider.host.spool_location import DEFAULT_AWS_CONN_ID, s3_client

        fields = _fields(options) or (position.fields if position else None)
        client = s3_client(address.conn_id or DEFAULT_AWS_CONN_ID)
        delivery = _delivery_to(address, pipeline, options.destination) if pipeline else None
        contents = contents_of(delivery, positions, own_source) if delivery or not options.id_at else None
        return ObjectIds(
            client,
            address.base,
            address.target,
            fields,
            missing=missing,
            contents=contents,
            form_is_known=delivery is not None,
        )
    source = options.source or (position.source if position else "")
    if not source or not pipelines:
        raise ConfigurationError("it is not known which source was shipped: name it with --source.")
    hook = cluster(address)
    target = address.target or stream_name(source, "default")
    store = _store_of(pipeline, options.destination, source, target) if pipeline else None
    return DocumentSearch(
        hook.client(),
        target,
        Origin(pipelines[0], source, Fields("", "")),
        scope=address.scope,
        settle=options.settle,
        sleep=time.sleep,
        missing=missing,
        contents=records_of(contents_of(store, positions, own_source)),
    )


def cluster(address: Address, option: str = "--against") -> ElasticsearchLogsHook:
    """Return the cluster of an address. :raises ConfigurationError: its connection is for another cluster."""
    from audit_provider.hooks.elasticsearch_logs import ElasticsearchLogsHook

    hook = ElasticsearchLogsHook(address.conn_id or ElasticsearchLogsHook.default_conn_name)
    if address.base and address.base != hook.address().rstrip("/"):
        raise ConfigurationError(
            f"{option} leads to {address.base}, but the connection {hook.http_conn_id!r} to {hook.address()}, and its "
            "credential is sent nowhere else: name another connection with conn_id."
        )
    return hook


def _store_of(pipeline: Pipeline, destination: str, source: str, target: str) -> Delivery | None:
    """Return the destination that ships to an index or data stream: the named one, or else the only one; or None."""
    from audit_provider.core.destinations.elasticsearch import ElasticsearchOptions

    found = {
        each.name: each
        for each in pipeline.destinations.values()
        if isinstance(each.options, ElasticsearchOptions)
        and target == (each.options.target or stream_name(source, each.options.namespace))
    }
    return found.get(destination) or (next(iter(found.values())) if len(found) == 1 else None)


def described(name: str) -> Pipeline | None:
    """Return a pipeline of the pipelines file; None if it has none of that name, or there is no such file."""
    from audit_provider.host.pipelines import load_pipelines
    from audit_provider.host.settings import beside_dags

    with contextlib.suppress(ConfigurationError):
        return load_pipelines(beside_dags()).get(name)
    return None


def _delivery_to(address: Address, pipeline: Pipeline, destination: str) -> Delivery | None:
    """Return the destination that ships to a place in a bucket: the named one, or else the only one; or None."""
    from audit_provider.core.destinations.s3_options import S3Options

    found: list[Delivery] = []
    for each in pipeline.destinations.values():
        options = each.options
        if not isinstance(options, S3Options) or options.bucket != address.base:
            continue
        if each.name == destination:
            return each
        asked, prefix = (f"{part.strip('/')}/".lstrip("/") for part in (address.target, options.prefix))
        if not destination and (prefix.startswith(asked) or asked.startswith(prefix)):
            found.append(each)
    return found[0] if len(found) == 1 else None


def _fields(options: argparse.Namespace) -> Fields | None:
    if options.id_at:
        return Fields(id=options.id_at, time="")
    if not options.source:
        return None
    from audit_provider.core.pipeline import source_from

    return source_from("--source", options.source).fields
