"""Watch a pipeline, as part of a report: count and judge its events, keep and show the findings, and notify."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from audit_provider.core.errors import StopError
from audit_provider.core.ledger.event_account import LetterCounts
from audit_provider.core.ledger.records import position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.monitoring.activity import FOLDER, KEPT_DAYS, Activity
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.counting import count
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.judging import State, judge
from audit_provider.core.monitoring.markdown import findings_markdown, markdown_of
from audit_provider.core.monitoring.memory import Memory
from audit_provider.core.monitoring.summary import shown_summary, summary_record, with_again
from audit_provider.core.progress import grouped
from audit_provider.core.records.derived_names import Role, Treatment, hidden_roles, paths_of
from audit_provider.core.records.selection import Redaction
from audit_provider.core.runs.own_streams import spool_findings
from audit_provider.core.streams.letter_files import indexed_folders
from audit_provider.core.streams.open_stream import kept_letters, open_stream, stream_progress
from audit_provider.core.transparency.tree import tree_record

if TYPE_CHECKING:
    from audit_provider.core.ledger.event_account import Account
    from audit_provider.core.ledger.gaps import GapRecord
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.ledger.records import Ledger, Record
    from audit_provider.core.monitoring.settings import Monitoring
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.core.progress import Log
    from audit_provider.core.sources import SourceSpec
    from audit_provider.core.spool import Store, Stream

REPORTS = "reports"
"""The folder of the reports in the spool, within the pipeline's folder."""

COUNTING_TIME = timedelta(minutes=10)
"""How long one report counts before it leaves the rest to the next one."""


Notify = Callable[[Memory, datetime, Mapping[Role, Treatment]], tuple[bool, list[str]]]
"""Sends findings to the configured receivers, without names of hidden roles, and notes that in the memory.

Returns whether anything was sent, and the failures.
"""


@dataclass(frozen=True)
class Watch:
    """One watch of a pipeline.

    :ivar source: of the pipeline, for the meaning of its actions. :ivar destinations: names of those that are served.
    :ivar tellers: the names under which a memory records who passes findings on. :ivar notify: see :data:`Notify`.
    """

    ledger: Ledger
    store: Store
    pipeline: str
    source: SourceSpec
    destinations: Sequence[str]
    settings: Monitoring
    tellers: Sequence[str]
    notify: Notify
    log: Log
    now: Callable[[], datetime]

    def run(self, accounts: Sequence[Account], gaps: Sequence[GapRecord]) -> list[str]:
        """Count new events, judge them, and publish the summary, the report and the findings.

        The summary asks for another report until :func:`report_stands` withdraws that.
        :param accounts: of the live stream. :param gaps: every gap, including closed and acknowledged ones.
        :return: one sentence for each reason for which the task must fail.
        :raises AuditError: the spool or a record cannot be read or written.
        """
        classifier = Classifier(
            self.source.actions, self.source.categories, [*self.source.watched, *self.settings.watch]
        )
        summary = summary_record(self.ledger, self.pipeline)
        # Before anything is counted, so that an older run that continues late is fenced off.
        summary.hold()
        activity = Activity(self.store, self.pipeline, self._vouched(summary))
        activity.vouch()
        counted = self._count(activity, classifier)
        now = self.now()
        state = self._state(accounts, gaps, counted=counted)
        judged = judge(state, activity, classifier, self.settings, now)
        memory = judged.memory
        memory.meet(self.tellers, now)
        activity.keep_memory(memory)
        activity.prune(now.date() - timedelta(days=KEPT_DAYS - 1))
        # The spool holds the names, as it holds the events. Names of hidden roles are removed from all that is shown or
        # sent.
        redact, paths = self.settings.redact or Redaction(), paths_of(self.source.fields)
        hidden = hidden_roles(redact.drop, redact.hash, paths)
        # Ask for another report until the task has succeeded.
        read_to = state.position.place if counted and state.position else ""
        shown = with_again(shown_summary(judged.summary, hidden), again=True, read_to=read_to)
        summary.commit(replace_fields(shown, counts=activity.digests))
        spooled = 0
        if self.settings.ship_findings:
            spooled = spool_findings(self.ledger, self.store, self.pipeline, memory, now, self.source.fields)
        _keep_reports(self.store, self.pipeline, shown, accounts, gaps, self.settings)
        with grouped(self.log, f"Report of {self.pipeline}"):
            # The accounts are left out here, because they are logged separately at the end.
            self.log.info("\n%s", markdown_of(shown, (), gaps))
        if judged.new:
            self.log.warning("New findings:\n%s", findings_markdown(each.shown(hidden) for each in judged.new))
        sent, failed = self.notify(memory, now, hidden)
        if sent or spooled:
            activity.keep_memory(memory)
        if activity.changed:
            failed.append(_said_of_changed(self.pipeline, activity.changed))
        for each in failed:
            self.log.error("%s", each)
        grave = [each.shown(hidden) for each in judged.standing if self.settings.fails_on(each.severity)]
        if grave:
            failed.insert(
                0, f"{self.pipeline} has {len(grave)} grave findings, see the log; the first: {grave[0].title}"
            )
        return failed

    def _vouched(self, summary: Record[Summary]) -> dict[str, str]:
        """Return the digests of the files of counts that the last report has recorded."""
        # A summary that cannot be read is replaced.
        with suppress(StopError):
            if last := summary.load():
                return last.counts
        return {}

    def _count(self, activity: Activity, classifier: Classifier) -> bool:
        """Count the new events of every stream, and return whether all are counted."""
        progress = activity.progress()
        streams: list[tuple[Stream, Position]] = []
        windows, backfills = [], []
        for name in StreamName.all_in(self.store, self.pipeline):
            if name.folder in progress.finished or name.is_made_here:
                continue
            opened = open_stream(self.ledger, self.store, name)
            if opened is None:
                continue
            streams.append((opened.stream, opened.position))
            if name.is_backfill:
                backfills.append(name.folder)
            if opened.position.complete and name.is_backfill:
                windows.append(name.folder)
        deadline = self.now() + COUNTING_TIME
        counted = count(activity, streams, classifier, now=self.now, deadline=deadline, backfills=backfills)
        if counted.complete and windows:
            # A window that was read to its end gets no more events, so its record need not be read again.
            progress = activity.progress()
            activity.keep_progress(replace(progress, finished=[*progress.finished, *windows]))
        if counted.segments:
            self.log.info("Counted %d events in %d new segments.", counted.events, counted.segments)
        if not counted.complete:
            self.log.warning("Not everything in the spool is counted yet; the next report goes on.")
        return counted.complete

    def _waits(self) -> dict[str, float]:
        """Return, by destination, the least seconds that the oldest pending event of the live stream has waited."""
        stream = stream_progress(self.ledger, StreamName(self.pipeline))
        if stream is None:
            return {}
        offsets = stream.offsets(self.destinations)
        position, now = stream.position, self.now()
        return {
            each: position.waiting_at_least(offset, now) if position.pending(offset) > 0 else 0.0
            for each, offset in offsets.items()
        }

    def _state(self, accounts: Sequence[Account], gaps: Sequence[GapRecord], *, counted: bool) -> State:
        folders = indexed_folders(self.store, self.pipeline, self.now())
        letters = {
            each: kept_letters(self.ledger, self.store, self.pipeline, each, folders) for each in self.destinations
        }
        tree = tree_record(self.ledger, StreamName(self.pipeline)).load()
        return State(
            pipeline=self.pipeline,
            source=self.source.title,
            position=position_record(self.ledger, StreamName(self.pipeline)).load(),
            accounts=accounts,
            letters={
                each: sum((kept.letters.count() for kept in found), LetterCounts()) for each, found in letters.items()
            },
            gaps=[each for each in gaps if each.is_open],
            counted=counted,
            waits=self._waits(),
            unwitnessed_since=tree.unwitnessed_since if tree else None,
        )


def _said_of_changed(pipeline: str, names: Collection[str]) -> str:
    return (
        f"{len(names)} files of counts in {pipeline}/{FOLDER} are not what the last report has left, such as "
        f"{min(names)}: a report was killed while it counted, or somebody changed or deleted them. From now on they "
        "are used as they are. To count the events still in the spool again, delete the folder; the next report then "
        "says this once more."
    )


def report_stands(ledger: Ledger, pipeline: str) -> None:
    """Record that the last report has succeeded, so that a run that finds nothing new need not make another one.

    :raises AuditError: the summary cannot be read or written.
    """
    record = summary_record(ledger, pipeline)
    if (last := record.load()) and last.again:
        record.commit(with_again(last, again=False))


def _keep_reports(
    store: Store,
    pipeline: str,
    summary: Summary,
    accounts: Sequence[Account],
    gaps: Sequence[GapRecord],
    settings: Monitoring,
) -> None:
    """Keep the report as a page and as text, once as the latest one and once under its date."""
    page = page_of(summary, accounts, gaps, settings.lag_target)
    contents = {"html": page, "md": markdown_of(summary, accounts, gaps)}
    today = summary.made_at.date()
    for ending, content in contents.items():
        for name in ("latest", str(today)):
            store.put(f"{pipeline}/{REPORTS}/{name}.{ending}", content.encode(errors="replace"))
    for key in list(store.keys(f"{pipeline}/{REPORTS}/")):
        try:
            day = date.fromisoformat(key.rpartition("/")[2].partition(".")[0])
        except ValueError:
            continue
        if day < today - timedelta(days=KEPT_DAYS):
            store.delete(key)
