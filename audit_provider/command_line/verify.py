"""``audit-logs verify``: reads a spool again, and compares it with a destination."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from audit_provider.command_line.against import SEARCHES, Address, arrival_at, cluster, described
from audit_provider.core.destinations.elasticsearch_documents import stream_name
from audit_provider.core.errors import AuditError, ConfigurationError, SpoolDamagedError, UnavailableError
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.runs.applied_filters import AppliedFilters, FilterVerdicts, changes_of
from audit_provider.core.runs.own_streams import EVIDENCE_SOURCE
from audit_provider.core.runs.proving import evidence_of
from audit_provider.core.runs.recorded import (
    calendar_faults,
    entry_faults,
    recorded_counts,
    recorded_offsets,
    recorded_progress,
)
from audit_provider.core.spool import LocalStore, S3Store
from audit_provider.core.text.validation import near
from audit_provider.core.verification import Progress, streams_in, verify
from audit_provider.core.verification.spool import check_counts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Event, Offset
    from audit_provider.core.spool import Manifest, Store
    from audit_provider.core.transparency.checkpoint import Note
    from audit_provider.core.verification import Fault
    from audit_provider.core.verification.checkpoints import VerifiedCheckpoint
    from audit_provider.core.verification.spool import LeftOut

NOT_CHECKED = 2
"""Exit code if nothing could be checked; 0 means no faults, 1 faults found."""

_REPORT_SECONDS = 3.0
"""After so many seconds, a report that was writing counts has finished."""

_MOST_SETTLE = 3600.0


def run_verify(options: argparse.Namespace) -> int:
    """Verify, print the report, and return the exit code."""
    try:
        _check_options(options)
        # Standard output is for the report only; Airflow's log goes elsewhere.
        with contextlib.redirect_stdout(sys.stderr), writing(options.missing) as missing:
            store = store_at(options.spool)
            streams = streams_in(store, options.pipeline)
            progress = _progress(options, store, streams)
            if options.pipeline and not streams and not progress:
                known = {folder.partition("/")[0] for folder in streams_in(store, "")}
                guess = near(options.pipeline, known) if known else ", nor of any other"
                raise ConfigurationError(f"the spool contains nothing of a pipeline {options.pipeline!r}{guess}.")
            arrival = arrival_at(options, streams, progress, missing) if options.against else None
            report = verify(
                store,
                pipeline=options.pipeline,
                progress=progress,
                arrival=arrival,
                destination=options.destination,
                left_out=_left_out(options, store, progress),
                offsets_alone=_offsets_alone(options, store, streams),
            )
            report = replace(report, faults=(*report.faults, *_count_faults(options, store, streams)))
            pipelines = sorted({folder.partition("/")[0] for folder in streams})
            with without_log():
                ledger = ledger_of(options)
                beside = [fault for each in pipelines for fault in entry_faults(ledger, store, each)]
                beside += [fault for each in pipelines for fault in calendar_faults(ledger, store, each)]
            report = replace(report, faults=(*report.faults, *beside))
            if options.checkpoints:
                report = replace(report, checkpoints=_checkpoints(options, store, progress))
        with writing(options.json) as file:
            if file:
                file.write(report.as_json().decode())
    except (AuditError, OSError) as error:
        said = error if isinstance(error, AuditError) else f"a file cannot be used ({error}): check its disk."
        sys.stderr.write(f"{said}\nResult: could not be checked\n")
        return NOT_CHECKED
    sys.stdout.write(str(report))
    return report.exit_code


def _check_options(options: argparse.Namespace) -> None:
    """Refuse options that could not be followed.

    :raises ConfigurationError: a key without checkpoints, which nothing would be checked with; or an impossible wait.
    """
    if options.key and not options.checkpoints:
        raise ConfigurationError("--key checks the signatures of checkpoints: name with --checkpoints where they are.")
    if not 0 <= options.settle <= _MOST_SETTLE:
        raise ConfigurationError(f"--settle must be from 0 to {_MOST_SETTLE:.0f} seconds.")


def _left_out(options: argparse.Namespace, store: Store, progress: dict[str, Progress]) -> LeftOut:
    """Return a function that says which events the filters of the named destination left out."""
    ledger = ledger_of(options)
    verdicts: dict[str, tuple[FilterVerdicts, Offset]] = {}
    for folder, each in progress.items():
        if options.against and each.offset:
            name = folder.partition("/")[0]
            pipeline = described(name)
            delivery = pipeline.destinations.get(options.destination) if pipeline else None
            with without_log(), contextlib.suppress(SpoolDamagedError):
                changes = changes_of(evidence_of(ledger, store, name)).get(options.destination, [])
                filters = AppliedFilters.of(folder, each.offset, delivery, changes)
                verdicts[folder] = FilterVerdicts(filters, each.position), each.offset

    def left_out(folder: str, manifest: Manifest, index: int, event: Event) -> bool:
        if folder not in verdicts:
            return False
        verdict, offset = verdicts[folder]
        place = (manifest.number, index)
        return place < (offset.segment, offset.index) and (verdict.of(event, place, manifest.written_at) == "filtered")

    return left_out


def _count_faults(options: argparse.Namespace, store: Store, streams: list[str]) -> list[Fault]:
    """Return faults of the counts. They are checked twice, because a report may be writing them."""
    ledger, faults = ledger_of(options), []
    for wait in (0.0, _REPORT_SECONDS):
        time.sleep(wait)
        with without_log():
            counts = recorded_counts(ledger, streams)
        faults = [fault for name, vouched in counts.items() for fault in check_counts(store, name, vouched)]
        if not faults:
            break
    return faults


def _checkpoints(
    options: argparse.Namespace, store: Store, progress: dict[str, Progress]
) -> tuple[VerifiedCheckpoint, ...]:
    """Return the results of comparing checkpoints that were kept elsewhere."""
    from audit_provider.core.transparency.witness import verifier_of
    from audit_provider.core.verification.checkpoints import compare_checkpoints, notes_of_objects, read_notes

    keys = [verifier_of(key_text(each)) for each in options.key]
    heads = {(folder, each.position.chain): each.position.head for folder, each in progress.items()}
    if options.checkpoints.startswith("s3://"):
        from audit_provider.host.spool_location import DEFAULT_AWS_CONN_ID, s3_client

        address = Address.of(options.checkpoints, "--checkpoints")
        client = s3_client(address.conn_id or DEFAULT_AWS_CONN_ID)
        notes = notes_of_objects(S3Store(client, address.base, address.target, name="the bucket of checkpoints"))
    elif options.checkpoints.partition(":")[0] in (*SEARCHES, "https", "http"):
        notes = _indexed_notes(options)
    else:
        notes = read_notes(Path(options.checkpoints))
    return tuple(compare_checkpoints(store, notes, heads, keys))


def _indexed_notes(options: argparse.Namespace) -> list[Note]:
    """Return the checkpoints in an index or data stream."""
    from audit_provider.core.verification.documents import notes_of_index

    address = Address.of(options.checkpoints, "--checkpoints")
    return notes_of_index(
        cluster(address, "--checkpoints").client(),
        address.target or stream_name(EVIDENCE_SOURCE, "default"),
        options.pipeline,
    )


def key_text(given: str) -> str:
    """Return a key that is given as text or as a file name.

    :raises ConfigurationError: the file cannot be read.
    """
    path = Path(given)
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else given
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"the key {path} cannot be read: give its file, or the key itself.") from None


def store_at(spool: str | None) -> Store:
    """Open a spool. :param spool: a folder or URI; None for the spool in Airflow's settings."""
    if spool and "://" not in spool:
        folder = Path(spool).absolute()
        if not folder.is_dir():
            raise ConfigurationError(f"there is no folder {folder}: name the spool's folder or its URI.")
        return LocalStore(folder)
    from audit_provider.host.settings import spool_uri
    from audit_provider.host.spool_location import open_store

    return open_store(spool or spool_uri())


def _progress(options: argparse.Namespace, store: Store, streams: list[str]) -> dict[str, Progress]:
    """Return the progress of the streams according to the ledger."""
    ledger = ledger_of(options)
    # Include streams of which no segment is left, so that these are reported as missing.
    folders = sorted({*streams, *(f"{name}/live" for name in _pipelines(options))})
    return progress_of(ledger, store, folders, options.destination)


def progress_of(ledger: Ledger, store: Store, folders: Sequence[str], destination: str = "") -> dict[str, Progress]:
    """Return the progress of some streams according to a ledger. :param destination: whose offset to read; "" for none.

    :raises AuditError: a record cannot be read.
    """
    found: dict[str, Progress] = {}
    for folder in folders:
        try:
            with without_log():
                known = _known(folder, destination)
                found |= recorded_progress(ledger, store, [folder], sorted(known), destination)
        except UnavailableError as error:
            raise UnavailableError(f"{error} To verify a copy without Airflow, use --without-airflow.") from None
    return found


def _offsets_alone(
    options: argparse.Namespace, store: Store, streams: Sequence[str]
) -> dict[str, dict[str, Offset | None]]:
    """Return the offsets of streams whose position was deleted."""
    found: dict[str, dict[str, Offset | None]] = {}
    for folder in streams:
        with without_log():
            found |= recorded_offsets(ledger_of(options), store, [folder], _known(folder, options.destination))
    return found


def _known(folder: str, destination: str) -> set[str]:
    """Return the destinations of a stream's pipeline, and a named one. :param destination: "" for none."""
    return {*_of_file(folder.partition("/")[0]), *([destination] if destination else [])}


def _of_file(pipeline: str) -> list[str]:
    """Return the destinations of a pipeline in the pipelines file."""
    found = described(pipeline)
    return list(found.destinations) if found else []


def ledger_of(options: argparse.Namespace) -> Ledger:
    """Return Airflow's records; an empty ledger for a copy that is verified without Airflow."""
    if options.without_airflow:
        return MemoryLedger()
    from audit_provider.state import Variables

    return Variables()


def _pipelines(options: argparse.Namespace) -> list[str]:
    """Return the pipelines that should be in the spool: the named one, or those in Airflow's settings."""
    if options.pipeline or options.spool or options.without_airflow:
        return [options.pipeline] if options.pipeline else []
    from audit_provider.host.pipelines import load_pipelines
    from audit_provider.host.settings import beside_dags

    with contextlib.suppress(ConfigurationError):
        return list(load_pipelines(beside_dags()))
    return []


@contextlib.contextmanager
def writing(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror}): name another file.") from None
    with file:
        yield file


@contextlib.contextmanager
def without_log() -> Iterator[None]:
    """Suppress log messages about a missing database: a copied spool is verified without one."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
