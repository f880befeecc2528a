"""What the report task does to watch a pipeline: count, judge, keep, show, tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from audit_provider.core.derived_names import hidden_roles, paths_of
from audit_provider.core.destinations.selection import Redaction
from audit_provider.core.model import utc_now
from audit_provider.core.monitoring.activity import KEPT_DAYS, Activity
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.counting import count
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.judging import State, judge
from audit_provider.core.monitoring.markdown import findings_markdown, markdown_of
from audit_provider.core.monitoring.summary import shown_summary
from audit_provider.core.pipeline import source_from
from audit_provider.operators.finding_events import spool_findings
from audit_provider.operators.notifying import tell, tellers
from audit_provider.operators.redrive import kept_letters
from audit_provider.state import PositionVariable, StreamName, SummaryVariable

if TYPE_CHECKING:
    from airflow.sdk import Context

    from audit_provider.core.accounting import Account
    from audit_provider.core.gaps import GapRecord
    from audit_provider.core.monitoring.settings import Monitoring
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.core.position import Position
    from audit_provider.core.sources import SourceSpec
    from audit_provider.core.spool import Store, Stream
    from audit_provider.operators.report import ReportAuditLogsOperator

REPORTS = "reports"
"""The folder of the reports in the spool, below the pipeline's."""

COUNTING_TIME = timedelta(minutes=10)
"""How long one report counts before it leaves the rest to the next one."""


def monitor(
    operator: ReportAuditLogsOperator,
    store: Store,
    settings: Monitoring,
    accounts: Sequence[Account],
    gaps: Sequence[GapRecord],
    context: Context,
) -> list[str]:
    """Count what is new, judge it, and leave the summary, the report and the findings where people find them.

    :param accounts: of the live stream. :param gaps: open ones.
    :return: one sentence for everything that the task is to fail for.
    :raises AuditError: the spool or a Variable cannot be read or written.
    """
    spec = source_from(operator.pipeline, operator.source or "")
    classifier = Classifier(spec.actions, spec.categories, [*spec.watched, *settings.watch])
    activity = Activity(store, operator.pipeline)
    summary = SummaryVariable(operator.pipeline)
    # Before anything is counted, so that a run that comes back late is fenced off.
    summary.load()
    counted = _count(operator, store, activity, classifier)
    now = utc_now()
    state = _state(operator, store, spec, accounts, gaps, counted=counted)
    judged = judge(state, activity, classifier, settings, now)
    memory = judged.memory
    memory.meet(tellers(settings.notify, ship_findings=settings.ship_findings), now)
    activity.keep_memory(memory)
    activity.prune(now.date() - timedelta(days=KEPT_DAYS - 1))
    # The spool holds the names as it holds the events; whatever is shown or told does not.
    redact = settings.redact or Redaction()
    hidden = hidden_roles(redact.drop, redact.hash, paths_of(spec.fields))
    shown = shown_summary(judged.summary, hidden)
    summary.commit(shown)
    spooled = spool_findings(store, operator.pipeline, memory, now, spec.fields) if settings.ship_findings else 0
    _keep_reports(store, operator.pipeline, shown, accounts)
    with operator.log_group(f"Report of {operator.pipeline}"):
        # The accounts stand at the end of the log, by themselves.
        operator.log.info("\n%s", markdown_of(shown, ()))
    if judged.new:
        operator.log.warning("New findings:\n%s", findings_markdown(each.shown(hidden) for each in judged.new))
    told, failed = tell(operator.pipeline, settings.notify, memory, context, now, hidden)
    if told or spooled:
        activity.keep_memory(memory)
    for each in failed:
        operator.log.error("%s", each)
    grave = [each.shown(hidden) for each in judged.standing if settings.fails_on(each.severity)]
    if grave:
        failed.insert(
            0, f"{operator.pipeline} has {len(grave)} grave findings, see the log; the first: {grave[0].title}"
        )
    return failed


def _count(operator: ReportAuditLogsOperator, store: Store, activity: Activity, classifier: Classifier) -> bool:
    """Count what is new in every stream, and return whether all is counted."""
    progress = activity.progress()
    streams: list[tuple[Stream, Position]] = []
    windows, backfills = [], []
    for name in StreamName.all_in(store, operator.pipeline):
        if name.folder in progress.finished or name == StreamName.of_findings(operator.pipeline):
            continue
        position = PositionVariable(name).load()
        if position is None:
            continue
        streams.append((name.stream(store, position), position))
        if name.is_backfill:
            backfills.append(name.folder)
        if position.complete and name.window and name != StreamName.of_reconciliation(operator.pipeline):
            windows.append(name.folder)
    deadline = utc_now() + COUNTING_TIME
    counted = count(activity, streams, classifier, now=utc_now, deadline=deadline, backfills=backfills)
    if counted.complete and windows:
        # Nothing more comes into a window that was read to its end, so its Variable need not be asked for again.
        progress = activity.progress()
        activity.keep_progress(replace(progress, finished=[*progress.finished, *windows]))
    if counted.segments:
        operator.log.info("Counted %d events in %d new segments.", counted.events, counted.segments)
    if not counted.complete:
        operator.log.warning("Not everything in the spool is counted yet; the next report goes on.")
    return counted.complete


def _state(
    operator: ReportAuditLogsOperator,
    store: Store,
    spec: SourceSpec,
    accounts: Sequence[Account],
    gaps: Sequence[GapRecord],
    *,
    counted: bool,
) -> State:
    return State(
        pipeline=operator.pipeline,
        source=spec.title,
        position=PositionVariable(StreamName(operator.pipeline)).load(),
        accounts=accounts,
        dead_letters={
            each: sum(kept.letters.count().open for kept in kept_letters(store, operator.pipeline, each))
            for each in operator.destinations
        },
        gaps=gaps,
        counted=counted,
    )


def _keep_reports(store: Store, pipeline: str, summary: Summary, accounts: Sequence[Account]) -> None:
    """Keep the report as a page and as text, as the latest one and as the day's."""
    contents = {"html": page_of(summary, accounts), "md": markdown_of(summary, accounts)}
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
