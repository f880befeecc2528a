"""The configuration of a destination as evidence: whoever changes a filter or a redaction leaves a trace in the log.

The ship task is what applies a configuration, so it is what compares: with the one under which the events before were
shipped, which its offset remembers. A change is spooled as an event before anything is shipped under it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.ledger import offset_record
from audit_provider.core.model import text_of
from audit_provider.core.runs.own_streams import CONFIGURATION_ACTION, evidence_event, spool_evidence
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger import Ledger
    from audit_provider.core.model import Offset
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Store

_DIGEST = "sha256:"
_DIGITS = 16


def configuration_of(delivery: Delivery) -> str:
    """Return the configuration of a destination, as its offset keeps it: JSON with sorted keys.

    What decides which events leave, and which parts of them, is there as it is written: type, connection, format,
    filters, redaction. The options of its type are there as digests, since an option may hold what is not to be shown.
    """
    shown: dict[str, Any] = {
        "type": delivery.type,
        "conn_id": delivery.conn_id,
        "enabled": delivery.enabled,
        "format": delivery.format,
        "ocsf_version": delivery.ocsf_version,
        "only": list(delivery.only),
        "except": list(delivery.omit),
        "drop": list(delivery.redact.drop),
        "hash": list(delivery.redact.hash),
        "too_old": delivery.too_old,
        "dead_letters": delivery.dead_letters,
    }
    for each in dataclasses.fields(delivery.options):
        value = repr(getattr(delivery.options, each.name)).encode()
        shown[f"options.{each.name}"] = f"{_DIGEST}{hashlib.sha256(value).hexdigest()[:_DIGITS]}"
    return msgspec.json.encode(shown, order="sorted").decode()


def difference(before: str, after: str) -> dict[str, list[Any]]:
    """Return what differs between two configurations: by key, the value before and the value after.

    A key that only a newer version knows is no difference.
    """
    old, new = _decoded(before), _decoded(after)
    return {key: [old[key], new[key]] for key in sorted(old.keys() & new.keys()) if old[key] != new[key]}


def digest_of(configuration: str) -> str:
    """Return the SHA-256 of a configuration, by which checkpoints name it."""
    return hashlib.sha256(configuration.encode()).hexdigest()


def keep_change(
    ledger: Ledger,
    store: Store,
    name: StreamName,
    destination: str,
    offset: Offset | None,
    after: str,
    *,
    now: datetime,
    run_id: str,
    version: str,
    log: Log,
) -> None:
    """Keep a change of the configuration as evidence, durably, before anything of a stream is shipped under it.

    Nothing is kept if nothing is different, or if nothing was known before. A stream beside the live one is compared
    with the live one until it has something of its own.

    :param offset: of the destination in the stream; None for none. :param after: the configuration of now.
    :param now: aware UTC. :param run_id: of the DAG run that met it. :param version: of this package.
    :raises AuditError: the spool or the record cannot be written.
    """
    pipeline = name.pipeline
    before = offset.configuration if offset else ""
    if not before and not name.is_live:
        live = offset_record(ledger, StreamName(pipeline), destination).load()
        before = live.configuration if live else ""
    changed = difference(before, after) if before else {}
    if not changed:
        return
    record = {
        "action": CONFIGURATION_ACTION,
        "kind": "configuration",
        "subject": destination,
        "pipeline": pipeline,
        "difference": {key: {"before": values[0], "after": values[1]} for key, values in changed.items()},
        "configuration": _decoded(after),
        "sha256_before": digest_of(before),
        "sha256": digest_of(after),
        "run_id": run_id,
        "version": version,
    }
    event_id = hashlib.sha256(f"{pipeline} {destination} {before} {after} {text_of(now)}".encode()).hexdigest()[:32]
    spool_evidence(ledger, store, pipeline, [evidence_event(f"configuration-{event_id}", now, record)], now)
    log.warning(
        "The configuration of %s has changed since the last run that shipped (%s); kept as evidence.",
        destination,
        ", ".join(changed),
    )


def _decoded(configuration: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(configuration, type=dict[str, Any])
    except UNREADABLE:
        return {}
