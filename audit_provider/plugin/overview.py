"""From records of progress to rows: what is wrong first. Nothing here asks Airflow or the spool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, StopError
from audit_provider.core.gaps import Acknowledgement, GapRecord, gaps_in
from audit_provider.core.model import Offset
from audit_provider.core.monitoring.summary import unpack_summary
from audit_provider.core.position import Position, unpack_position
from audit_provider.plugin.problems import problems_of, unreadable_problems
from audit_provider.plugin.views import DestinationView, GapView, PipelineView, Problem, RunView, State
from audit_provider.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from audit_provider.core.delivery import Delivery
    from audit_provider.core.monitoring.summary import Summary
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.plugin.problems import DagFacts


@dataclass
class PipelineRecords:
    """The Variables of one pipeline, as texts; None where the user may not read one.

    :ivar undecryptable: keys of those that the API server itself cannot read.
    """

    cursors: dict[StreamName, str | None] = field(default_factory=dict)
    offsets: dict[tuple[StreamName, str], str | None] = field(default_factory=dict)
    summary: str | None = None
    acknowledged: str | None = None
    undecryptable: list[str] = field(default_factory=list)

    @property
    def hidden(self) -> bool:
        """Whether the user may not read how far the pipeline is."""
        return any(text is None for text in self.cursors.values())


class Records:
    """The Variables of every pipeline, sorted by what they hold."""

    def __init__(self) -> None:
        self._pipelines: dict[str, PipelineRecords] = {}

    def add(self, key: str, text: str | None, *, readable: bool = True) -> None:
        """Take in a Variable; one that the page has no use for is left out.

        :param text: None where it cannot be decrypted. :param readable: whether the user may read it.
        """
        _, pipeline, *rest = key.split(".")
        records = self._pipelines.setdefault(pipeline, PipelineRecords())
        if readable and text is None:
            records.undecryptable.append(key)
            return
        match rest:
            case ["cursor"]:
                records.cursors[StreamName(pipeline)] = text
            case ["to", destination]:
                records.offsets[StreamName(pipeline), destination] = text
            case ["reconcile", "cursor"]:
                records.cursors[StreamName.of_reconciliation(pipeline)] = text
            case ["reconcile", "to", destination]:
                records.offsets[StreamName.of_reconciliation(pipeline), destination] = text
            case ["backfill", window, "cursor"]:
                records.cursors[StreamName(pipeline, window)] = text
            case ["backfill", window, "to", destination]:
                records.offsets[StreamName(pipeline, window), destination] = text
            case ["summary"]:
                records.summary = text
            case ["gaps", "acknowledged"]:
                records.acknowledged = text

    def of(self, pipeline: str) -> PipelineRecords:
        """Return the records of a pipeline; one that never ran has none."""
        return self._pipelines.get(pipeline, PipelineRecords())


@dataclass(frozen=True, slots=True)
class Progress:
    """The records of one pipeline, read. :ivar unreadable: one sentence for each that cannot be."""

    positions: Mapping[StreamName, Position]
    offsets: Mapping[tuple[StreamName, str], Offset]
    summary: Summary | None
    gaps: Sequence[GapRecord]
    unreadable: Sequence[str]


def progress_of(pipeline: Pipeline, records: PipelineRecords) -> Progress:
    """Return the records of a pipeline, read; what cannot be read is told and left out."""
    unreadable: list[str] = []
    if records.undecryptable:
        more = f" and {len(records.undecryptable) - 1} more" if len(records.undecryptable) > 1 else ""
        unreadable.append(
            f"the Variable {min(records.undecryptable)}{more} cannot be decrypted: give the API server the "
            f"[core] fernet_key that they were written with."
        )
    positions: dict[StreamName, Position] = {}
    offsets: dict[tuple[StreamName, str], Offset] = {}
    for name, text in records.cursors.items():
        try:
            if text is not None:
                positions[name] = unpack_position(text, f"the Variable {name.cursor_key}")
        except StopError as error:
            unreadable.append(str(error))
    for (name, destination), text in records.offsets.items():
        try:
            offset = msgspec.json.decode(text or "null", type=Offset | None)
        except UNREADABLE as error:
            unreadable.append(f"the Variable {name.offset_key(destination)} holds no delivery offset ({error}).")
            continue
        # An offset is a place in one chain: where reading was begun anew, it says nothing.
        if offset and name in positions and offset.chain == positions[name].chain:
            offsets[name, destination] = offset
    summary = None
    acknowledged: dict[str, Acknowledgement] = {}
    try:
        # Where no report is made any more, the last one's findings would stand for ever.
        if records.summary is not None and pipeline.monitoring:
            summary = unpack_summary(records.summary, f"the Variable audit_logs.{pipeline.name}.summary")
        acknowledged = msgspec.json.decode(records.acknowledged or "{}", type=dict[str, Acknowledgement])
    except StopError as error:
        unreadable.append(str(error))
    except UNREADABLE as error:
        unreadable.append(f"the Variable audit_logs.{pipeline.name}.gaps.acknowledged cannot be read ({error}).")
    gaps: list[GapRecord] = []
    for name, position in positions.items():
        served = {each: offsets.get((name, each)) for each in pipeline.destinations}
        gaps += gaps_in(pipeline.name, name.folder, position, served, acknowledged)
    return Progress(positions, offsets, summary, [gap for gap in gaps if gap.is_open], unreadable)


def view_of(pipeline: Pipeline, progress: Progress, dag: DagFacts | None, *, root: str, now: datetime) -> PipelineView:
    """Return how a pipeline fares.

    :param dag: its incremental DAG; None where Airflow does not know it, or the user may not read it.
    :param root: path below which Airflow is served.
    """
    position = progress.positions.get(StreamName(pipeline.name))
    summary = progress.summary
    lag = position.lag(now) if position else None
    set_aside = sum(each.counts.set_aside for each in progress.positions.values())
    destinations = tuple(_destination(pipeline.name, each, progress) for each in pipeline.destinations.values())
    problems = [
        *(Problem("critical", each) for each in progress.unreadable),
        *unreadable_problems(set_aside),
        *problems_of(pipeline, destinations, progress.gaps, summary, dag, lag=lag, now=now),
    ]
    problems.sort(key=lambda each: each.level != "critical")
    dag_id = f"audit_incremental_{pipeline.name}"
    at = f"{root}/dags"
    return PipelineView(
        name=pipeline.name,
        source=pipeline.spec.title,
        state=_worst(problems, begun=position is not None),
        problems=tuple(problems),
        last_read=position.updated_at if position else None,
        lag=lag,
        spooled=position.counts.spooled if position else 0,
        set_aside=set_aside,
        first_hour=summary.first_hour if summary else None,
        hours=summary.hours if summary else (),
        next_run=dag.next_run if dag and not dag.paused else None,
        paused=dag.paused if dag else False,
        run=RunView(dag.run_id, dag.run_state, dag.run_at, f"{at}/{dag_id}/runs/{dag.run_id}")
        if dag and dag.run_id
        else None,
        destinations=destinations,
        gaps=tuple(_gap(each) for each in progress.gaps),
        findings=summary.findings if summary else (),
        reported_at=summary.made_at if summary else None,
        links={
            "dag": f"{at}/{dag_id}",
            "backfill": f"{at}/audit_backfill_{pipeline.name}",
            **({"reconcile": f"{at}/audit_reconcile_{pipeline.name}"} if pipeline.reconcile else {}),
        },
    )


def _destination(pipeline: str, delivery: Delivery, progress: Progress) -> DestinationView:
    name = delivery.name
    live = StreamName(pipeline)
    position = progress.positions.get(live)
    offset = progress.offsets.get((live, name))
    summary = progress.summary
    elsewhere = sum(
        max(0, progress.positions[stream].pending(each))
        for (stream, destination), each in progress.offsets.items()
        if destination == name and stream != live
    )
    letters = summary.dead_letters.get(name, 0) if summary else (offset.counts.set_aside if offset else 0)
    failures = offset.failures_in_a_row if offset else 0
    state: State = "ok" if offset else "new"
    if delivery.enabled and (failures or letters):
        state = "critical" if failures or summary else "warning"
    return DestinationView(
        name=name,
        type=delivery.type,
        enabled=delivery.enabled,
        state=state,
        delivered=offset.counts.taken if offset else 0,
        pending=max(0, position.pending(offset)) if position else 0,
        pending_elsewhere=elsewhere,
        failures_in_a_row=failures,
        last_success=offset.last_success if offset else None,
        last_error=offset.last_error if offset else "",
        dead_letters=letters,
        letters_counted=summary is not None,
        too_old=offset.counts.too_old + offset.counts.restamped if offset else 0,
    )


def _worst(problems: Sequence[Problem], *, begun: bool) -> State:
    if problems:
        return problems[0].level
    return "ok" if begun else "new"


def _gap(gap: GapRecord) -> GapView:
    return GapView(
        id=gap.id,
        kind=gap.kind,
        stream=gap.stream,
        wanted=gap.wanted,
        possible=gap.possible,
        reason=gap.reason,
        destination=gap.destination,
        events=gap.events,
    )
