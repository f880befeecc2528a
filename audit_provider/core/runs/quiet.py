"""Find the tasks after a pull that have nothing to do, as the records prove: they need not be started.

A record that cannot be read proves nothing, so the task that would read it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_provider.core.errors import AuditError
from audit_provider.core.ledger.health import notices_in
from audit_provider.core.ledger.records import offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.monitoring.summary import summary_record
from audit_provider.core.streams.offset_in_chain import is_at_end

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.model import Offset
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.core.progress import Log

REPORT_EVERY = timedelta(hours=1)
"""The longest time between two reports of a running pipeline."""


@dataclass(frozen=True, slots=True)
class Followers:
    """The tasks after a pull.

    :ivar ships: Ids of the ship tasks, by destination.
    :ivar off: Destinations that are not enabled: their tasks ship nothing.
    :ivar report: Id of the report task; "" if it may not be skipped.
    :ivar settle: How long after its end the report evaluates an hour.
    :ivar findings: Whether the ship tasks also ship findings.
    :ivar evidence: Whether they also ship checkpoints and changes of the configuration.
    """

    ships: Mapping[str, str] = field(default_factory=dict)
    off: Sequence[str] = ()
    report: str = ""
    settle: timedelta = timedelta(0)
    findings: bool = False
    evidence: bool = False

    def streams(self, pipeline: str) -> list[StreamName]:
        """Return the streams that are shipped beside the live one."""
        findings, evidence = StreamName.of_findings(pipeline), StreamName.of_evidence(pipeline)
        return [*([findings] if self.findings else []), *([evidence] if self.evidence else [])]


@dataclass(frozen=True, slots=True)
class Idle:
    """The tasks that have nothing to do.

    :ivar current: destinations that have everything. :ivar off: those that are not enabled.
    :ivar report: when the last report was made if it is still valid; None if another one is due.
    """

    current: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    report: datetime | None = None

    def tasks(self, followers: Followers) -> list[str]:
        """Return the ids of the tasks that need not be started."""
        ships = [followers.ships[each] for each in (*self.current, *self.off)]
        return [*ships, *([followers.report] if self.report else [])]


def idle_after(
    before: Position | None,
    position: Position,
    followers: Followers,
    *,
    ledger: Ledger,
    pipeline: str,
    redrive: Sequence[str],
    now: datetime,
    log: Log,
) -> Idle:
    """Return the tasks that have nothing to do after a pull of the live stream.

    :param before: the position with which the pull began; None if there was none, or if an earlier try may have left
        something to report.
    :param position: that the pull has committed.
    :param redrive: destinations whose dead letters are to be sent again. :param now: aware UTC.
    """
    off = tuple(each for each in followers.off if each not in redrive)
    served = [each for each in followers.ships if each not in followers.off and each not in redrive]
    try:
        streams = {StreamName(pipeline): position}
        for name in followers.streams(pipeline):
            if found := position_record(ledger, name).load():
                streams[name] = found
    except AuditError as error:
        log.info("Every ship task is started: %s", error)
        return Idle(off=off)
    current = tuple(each for each in served if _is_served(ledger, streams, each, log))
    is_quiet = len(current) + len(off) == len(followers.ships)
    stands = followers.report and is_quiet and before is not None and _is_like(before, position)
    report = _standing_report(ledger, pipeline, position, followers.settle, now, log) if stands else None
    if followers.report and is_quiet and report is None:
        # The ship tasks run with the hourly report too: they keep changes of the configuration as evidence.
        return Idle(off=off)
    return Idle(current, off, report)


def waiting_destinations(ledger: Ledger, pipeline: str, followers: Followers, log: Log) -> list[str]:
    """Return the destinations whose ship tasks have something to do, according to the records of progress.

    :raises AuditError: a position cannot be read.
    """
    streams: dict[StreamName, Position] = {}
    for name in (StreamName(pipeline), *followers.streams(pipeline)):
        if found := position_record(ledger, name).load():
            streams[name] = found
    served = [each for each in followers.ships if each not in followers.off]
    return [each for each in served if not _is_served(ledger, streams, each, log)]


def is_current(position: Position, offset: Offset | None) -> bool:
    """Whether an offset is at the end of its stream, and the destination's last run has nothing left to report."""
    if offset is None or offset.chain != position.chain or not is_at_end(offset, position.head):
        return False
    if position.head.number and not offset.passed:
        return False  # an earlier version did not record which segments it has passed
    counts = position.counts
    adds_up = counts.read == counts.spooled + counts.duplicates + counts.set_aside
    if not adds_up or position.pending(offset):
        return False  # the ship task must report that
    return not (offset.failures_in_a_row or offset.untold or offset.ahead)


def _is_served(ledger: Ledger, streams: Mapping[StreamName, Position], destination: str, log: Log) -> bool:
    try:
        return all(
            is_current(position, offset_record(ledger, name, destination).load()) for name, position in streams.items()
        )
    except AuditError as error:
        log.info("The task of %s is started: %s", destination, error)
        return False


def _is_like(before: Position, position: Position) -> bool:
    """Whether a pull read the source to its end and found nothing new for a report."""
    return position.complete and _reported(before) == _reported(position)


def _reported(position: Position) -> tuple[object, ...]:
    """Return what a report says about a position, apart from events."""
    notices = [(each.key, each.text, each.severity) for each in notices_in(position.noticed)]
    own = (position.source, position.chain, position.head, position.account, position.complete, position.gaps)
    return (*own, position.counts.set_aside, notices)


def _standing_report(
    ledger: Ledger, pipeline: str, position: Position, settle: timedelta, now: datetime, log: Log
) -> datetime | None:
    """Return when the last report was made if another one would say the same; None if one is due."""
    try:
        summary = summary_record(ledger, pipeline).load()
    except AuditError as error:
        log.info("The report is made: %s", error)
        return None
    if summary is None or summary.again or summary.read_to != position.place:
        return None
    if not timedelta(0) <= now - summary.made_at < REPORT_EVERY:
        return None
    # Silences and surges are judged once an hour has ended and its settling time is over.
    return summary.made_at if _settled_hour(now - settle) == _settled_hour(_read_until(summary) - settle) else None


def _read_until(summary: Summary) -> datetime:
    return summary.made_at - timedelta(seconds=summary.lag or 0.0)


def _settled_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
