"""Keep changes of a destination's configuration as evidence, such as changes of a filter or a redaction.

The ship task applies a configuration, so it also compares it with the one under which it shipped the events before,
which its offset records. A change is spooled as an event before anything is shipped under it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE
from audit_provider.core.ledger.records import offset_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import text_of
from audit_provider.core.runs.own_streams import CONFIGURATION_ACTION, evidence_event, spool_evidence

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Offset
    from audit_provider.core.progress import Log
    from audit_provider.core.spool import Store

_DIGEST = "sha256:"
_DIGITS = 16


def configuration_of(delivery: Delivery) -> str:
    """Return the configuration of a destination, as its offset keeps it: JSON with sorted keys.

    Settings that decide which events, and which parts of them, are sent appear in plain text: type, connection, format,
    filters, redaction. The options of the destination's type appear as digests, because an option may hold a secret.
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

    A key that only one of the two versions knows is no difference.
    """
    old, new = _decoded(before), _decoded(after)
    return {key: [old[key], new[key]] for key in sorted(old.keys() & new.keys()) if old[key] != new[key]}


def digest_of(configuration: str) -> str:
    """Return the SHA-256 of a configuration; checkpoints identify it by this digest."""
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
    """Keep a change of the configuration durably as evidence, before anything of a stream is shipped under it.

    Nothing is kept if nothing has changed, or if no earlier configuration is known. Until another stream has an offset
    with a configuration, the configuration of the live stream is compared.

    :param offset: of the destination in the stream; None for none. :param after: the present configuration.
    :param now: aware UTC. :param run_id: of the DAG run that found the change. :param version: of this package.
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
        # Up to here, events were shipped under the configuration before.
        "stream": name.folder,
        **({each: getattr(offset, each) for each in ("chain", "segment", "index", "again")} if offset else {}),
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
