"""Reads the data of the page: all records in one query, the DAGs in a few, the pipelines file when it changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.models import DagModel, DagRun, TaskInstance, Variable
from sqlalchemy import case, func, select, tuple_

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.ledger.stream_name import PREFIX
from audit_provider.host.pipelines import read_file
from audit_provider.host.settings import beside_dags, pipelines_file
from audit_provider.host.versions import RETRY_DELAY
from audit_provider.plugin.dag_facts import ACTIVE, FAILED, DagFacts, retry_at
from audit_provider.plugin.progress import Records, progress_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session

    from audit_provider.core.pipeline import Pipeline
    from audit_provider.plugin.progress import PipelineRecords, Progress

_MARK = 48
"""Characters at the beginning of an encrypted value that contain its time and its random bytes."""

_AT_ONCE = 500
"""Most Variables that one query fetches by their keys."""


@dataclass(frozen=True, slots=True)
class KnownPipelines:
    """The content of the pipelines file.

    :ivar wrong: mistakes by the name of the pipeline. :ivar path: of the file.
    :ivar unreadable: why the whole file cannot be read, or "".
    """

    pipelines: Mapping[str, Pipeline]
    wrong: Mapping[str, Sequence[str]] = field(default_factory=dict)
    path: Path = Path()
    unreadable: str = ""


class PipelinesReader:
    """Reads the pipelines file again only if it has changed."""

    def __init__(self) -> None:
        self._stamp: tuple[Path, int, int] | None = None
        self._known = KnownPipelines({})

    def read(self) -> KnownPipelines:
        """Return the content of the file; if it cannot be read, no pipelines and the reason."""
        path = pipelines_file(beside_dags())
        try:
            status = path.stat()
            stamp = (path, status.st_mtime_ns, status.st_size)
        except OSError as error:
            return KnownPipelines({}, unreadable=f"the pipelines file {path} cannot be read ({error.strerror}).")
        if stamp != self._stamp:
            self._known, self._stamp = _known(path), stamp
        return self._known


def _known(path: Path) -> KnownPipelines:
    try:
        found = read_file(path)
    except ConfigurationError as error:
        return KnownPipelines({}, unreadable=str(error))
    return KnownPipelines(found.pipelines, found.wrong, path)


class RecordsReader:
    """Reads the records of every pipeline; unchanged records are not fetched, decrypted and sorted again."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, str | None]] = {}
        self._sorted: tuple[dict[str, str], set[str], Records] = ({}, set(), Records())

    def read(self, session: Session, readable: Collection[str]) -> Records:
        """Return the records of every pipeline: one query finds the changed records, another fetches them.

        :param readable: keys of the Variables that the user may read; of other Variables only the key is kept.
        """
        marks = self._marks(session)
        allowed = marks.keys() & readable
        last = self._sorted  # read once: a request of another user may replace it meanwhile
        if last[:2] == (marks, allowed):
            return last[2]
        known = self._texts
        texts = {key: known[key] for key, mark in marks.items() if key in known and known[key][0] == mark}
        changed = [key for key in marks if key not in texts]
        for start in range(0, len(changed), _AT_ONCE):
            columns = select(Variable.key, Variable.val, Variable.is_encrypted)
            for key, raw, is_encrypted in session.execute(columns.where(Variable.key.in_(changed[start:][:_AT_ONCE]))):
                # A Variable that is written between the two queries gets its old mark, so the next request reads it
                # again.
                texts[key] = (marks[key], _plain(raw, is_encrypted=is_encrypted))
        self._texts = texts
        records = Records()
        for key, (_, text) in texts.items():
            records.add(key, text if key in allowed else None, readable=key in allowed)
        self._sorted = (marks, allowed, records)
        return records

    @staticmethod
    def _marks(session: Session) -> dict[str, str]:
        """Return for each Variable a text that changes whenever the Variable is written.

        An encrypted value begins with the time and sixteen random bytes, so its beginning is enough.
        """
        raw: Any = Variable.__table__.c.val
        mark = case((Variable.is_encrypted, func.substr(raw, 1, _MARK)), else_=raw)
        asked = select(Variable.key, mark).where(Variable.key.startswith(f"{PREFIX}.", autoescape=True))
        return {key: text or "" for key, text in session.connection().execute(asked).all()}


class ProgressReader:
    """Decodes the records of a pipeline again only if one of them has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Pipeline, PipelineRecords, Progress]] = {}

    def read(self, pipeline: Pipeline, records: PipelineRecords) -> Progress:
        """Return the records of a pipeline, decoded."""
        known = self._known.get(pipeline.name)
        if known is None or known[0] is not pipeline or known[1] != records:
            known = self._known[pipeline.name] = (pipeline, records, progress_of(pipeline, records))
        return known[2]


def read_dags(session: Session, pipelines: Collection[str], readable: Collection[str]) -> dict[str, DagFacts]:
    """Return what Airflow knows about the incremental DAGs of some pipelines, by pipeline; unknown DAGs are left out.

    For each DAG: the last run, the last finished run, and which other DAGs of the pipeline run.

    :param readable: ids of the DAGs that the user may read.
    """
    ids = {f"audit_incremental_{name}": name for name in pipelines}
    wanted = [each for each in ids if each in readable]
    loading = _loading(session, pipelines, readable)
    runs = _last_runs(session, wanted)
    active = [dag_id for dag_id, run in runs.items() if _text(run.state) in ACTIVE]
    # For most DAGs the last run has ended; only the others need a second query, which goes through all of their runs.
    ended = {dag_id: run for dag_id, run in runs.items() if dag_id not in active}
    if active:
        ended |= _last_runs(session, active, DagRun.state.in_(("success", FAILED)))
    failed = _failed_tasks(session, [run for run in ended.values() if _text(run.state) == FAILED])
    retrying = _retrying_tasks(session, [runs[dag_id] for dag_id in active])
    facts: dict[str, DagFacts] = {}
    columns = (DagModel.dag_id, DagModel.is_paused, DagModel.is_stale, DagModel.next_dagrun_create_after)
    for row in session.execute(select(*columns).where(DagModel.dag_id.in_(list(ids)))).all():
        name = ids[row.dag_id]
        if row.dag_id not in readable:
            facts[name] = DagFacts(withheld=True)
            continue
        run, last = runs.get(row.dag_id), ended.get(row.dag_id)
        facts[name] = DagFacts(
            paused=bool(row.is_paused),
            stale=bool(row.is_stale),
            next_run=row.next_dagrun_create_after,
            run_id=run.run_id if run else "",
            run_state=_text(run.state) if run else "",
            run_at=_first(run.end_date, run.run_after) if run else None,
            ended_id=last.run_id if last else "",
            ended_state=_text(last.state) if last else "",
            ended_began=last.start_date if last else None,
            ended_at=last.end_date if last else None,
            failed=tuple(failed.get(row.dag_id, ())),
            loading=frozenset(loading.get(name, ())),
            retrying=retrying.get(row.dag_id, {}),
        )
    return facts


def _last_runs(session: Session, dag_ids: Collection[str], *those: Any) -> dict[str, Any]:
    """Return the last run of each DAG. :param those: conditions that the run must meet."""
    latest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(dag_ids), *those).group_by(DagRun.dag_id)
    columns = (DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_after, DagRun.start_date, DagRun.end_date)
    return {run.dag_id: run for run in session.execute(select(*columns).where(DagRun.id.in_(latest)))}


def _loading(session: Session, pipelines: Collection[str], readable: Collection[str]) -> dict[str, set[str]]:
    """Return which other DAGs run for each pipeline, ``backfill`` or ``reconcile``."""
    ids = {f"audit_{kind}_{name}": (name, kind) for name in pipelines for kind in ("backfill", "reconcile")}
    found: dict[str, set[str]] = {}
    active = select(DagRun.dag_id).distinct().where(DagRun.state.in_(ACTIVE), DagRun.dag_id.in_(ids.keys() & readable))
    for (dag_id,) in session.execute(active):
        name, kind = ids[dag_id]
        found.setdefault(name, set()).add(kind)
    return found


def _failed_tasks(session: Session, runs: Collection[Any]) -> dict[str, list[str]]:
    """Return the failed tasks of some runs (one run per DAG), in the order in which they began."""
    found: dict[str, list[str]] = {}
    if runs:
        columns = select(TaskInstance.dag_id, TaskInstance.task_id)
        asked = columns.where(_of(runs), TaskInstance.state == FAILED).order_by(TaskInstance.start_date)
        for dag_id, task_id in session.execute(asked):
            found.setdefault(dag_id, []).append(task_id)
    return found


def _retrying_tasks(session: Session, runs: Collection[Any]) -> dict[str, dict[str, datetime]]:
    """Return the tasks of some runs that wait for a retry, with the earliest time of the retry."""
    found: dict[str, dict[str, datetime]] = {}
    if runs:
        columns = select(TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.try_number, TaskInstance.end_date)
        for row in session.execute(columns.where(_of(runs), TaskInstance.state == "up_for_retry")):
            if row.end_date:
                at = retry_at(row.end_date, row.try_number, RETRY_DELAY)
                found.setdefault(row.dag_id, {})[row.task_id] = at
    return found


def _of(runs: Collection[Any]) -> Any:
    return tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_([(run.dag_id, run.run_id) for run in runs])


def _plain(raw: str, *, is_encrypted: bool) -> str | None:
    """Return the value of a Variable, None if it cannot be decrypted.

    Loading a Variable object from the database also decrypts it and searches it for secrets, which takes ten times as
    long.
    """
    variable = Variable()  # type: ignore[no-untyped-call]
    variable._val, variable.is_encrypted = raw, is_encrypted
    text: str | None = variable.get_val()  # type: ignore[no-untyped-call]
    return text


def _text(state: object) -> str:
    return str(getattr(state, "value", state) or "")


def _first(*moments: datetime | None) -> datetime | None:
    return next((each for each in moments if each is not None), None)
