"""What a ledger says of streams, as a verification needs it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from audit_provider.core.errors import StopError
from audit_provider.core.ledger import removal_record, summary_record
from audit_provider.core.open_stream import stream_progress
from audit_provider.core.stream_name import StreamName
from audit_provider.core.verification.spool import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.spool import Store


def recorded_progress(
    ledger: Ledger, store: Store, folders: Iterable[str], known: Sequence[str], destination: str = ""
) -> dict[str, Progress]:
    """Return what a ledger says of some streams, by folder. Streams that it does not know are left out.

    :param known: destinations whose dead letters are compared, beside those that have some in the spool.
    :param destination: that is looked at; "" for none.
    :raises AuditError: the spool cannot be listed, or a record cannot be read.
    """
    found = {}
    for folder in folders:
        pipeline, _, below = folder.partition("/")
        name = StreamName.of_folder(pipeline, below)
        stream = stream_progress(ledger, name) if name else None
        if name is None or stream is None:
            continue
        removal = removal_record(ledger, name).load()
        removed = removal.oldest if removal and removal.chain == stream.chain else None
        offsets = {each: stream.kept_offset(each) for each in _served(store, folder, known)}
        offset = stream.offset(destination) if destination else None
        found[folder] = Progress(stream.position, offset, offsets, removed)
    return found


def recorded_counts(ledger: Ledger, folders: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the digests of the files of counts that a ledger vouches for, by pipeline and name.

    :param folders: of streams of the pipelines.
    :raises UnavailableError: a record cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    for pipeline in sorted({folder.partition("/")[0] for folder in folders}):
        # A summary that cannot be read is replaced by the next report.
        with suppress(StopError):
            if summary := summary_record(ledger, pipeline).load():
                found[pipeline] = summary.counts
    return found


def _served(store: Store, folder: str, known: Iterable[str]) -> list[str]:
    served = set(known)
    for chain in ["", *store.folders(f"{folder}/")]:
        served |= set(store.folders(f"{folder}/{chain}/dead/" if chain else f"{folder}/dead/"))
    return sorted(served)
