"""Progress, kept in Airflow Variables: the only module that touches them.

========================================== ====================== =====================================
Variable                                   writer                 holds
========================================== ====================== =====================================
``audit_logs.<pipeline>.cursor``           the pull task          the source position and the head
``audit_logs.<pipeline>.to.<destination>`` that ship task         the delivery offset
``….backfill.<window>.cursor`` / ``.to.…`` the backfill's tasks   the same, for one window
``….replay.<run>….to.<destination>``       that ship task         how far a replay got, until its run succeeds
``audit_logs.<pipeline>.budget.<task>``    that task              what it may send of the request budgets
``audit_logs.<pipeline>.backfill.gaps``    the backfill's pulls   the windows that have gaps
``….reconcile.cursor`` / ``….to.…``        the reconciliation     the same as of the live stream
``….findings.cursor`` / ``….to.…``         the report / ship task the same as of the live stream, of findings
``….gaps.acknowledged``                    people                 the gaps that somebody has looked at
``audit_logs.<pipeline>.summary``          the report task        what the page shows beside these records
========================================== ====================== =====================================

Two writers of one Variable are kept apart in three ways, each for what the one before lets through:

1. Airflow: ``max_active_runs=1`` and ``max_active_tis_per_dag=1`` let one task at a time write a Variable. A run that
   is started by hand waits for the scheduled one.
2. The fence: every write first reads whether the Variable still holds what this run left there, and reads it again
   afterwards. A task whose worker was cut off, and that comes back late, finds another run's record and stops with a
   :class:`~audit_provider.core.errors.FencedError`.
3. The chain: Variables have no compare-and-set, so a task may be frozen between that look and its write, and its old
   position then replaces a newer one. A position is one record with the head of its chain of segments, so whatever is
   read on from it is whole. Each delivery offset bears the digest of the last segment that it passed; where the
   position's chain does not hold that segment, the offset goes back to the last segment that both chains share, and
   what follows is shipped again. Nothing is lost, and the account says how much was shipped again.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError

from audit_provider.core.budget import MOST_WINDOWS_AT_ONCE, Claim
from audit_provider.core.errors import UNREADABLE, FencedError, StopError, UnavailableError
from audit_provider.core.gaps import Acknowledgement
from audit_provider.core.model import Offset
from audit_provider.core.monitoring.summary import Summary, pack_summary, unpack_summary
from audit_provider.core.position import Position, pack_position, unpack_position
from audit_provider.core.state_version import STATE_VERSION, refuse_newer
from audit_provider.stream_name import PREFIX, StreamName
from audit_provider.supervisor import confirmed_variable

__all__ = [
    "AcknowledgementsVariable",
    "ClaimsVariable",
    "GapWindowsVariable",
    "OffsetVariable",
    "PositionVariable",
    "StreamName",
    "SummaryVariable",
]


class _FencedVariable:
    """A Variable with one writer: a write is refused where another has written since it was read.

    Read again afterwards, so that of two who wrote at once all but the last are told. Two reads and a write.
    """

    def __init__(self, key: str, description: str) -> None:
        self._key = key
        self._description = description
        self._own: set[str | None] = {None}

    def read(self) -> str | None:
        text = _kept(self._key)
        self._own = {text}
        return text

    def write(self, text: str) -> None:
        if _kept(self._key) not in self._own:
            raise self._fenced()
        self._own.add(text)
        answered = True
        try:
            Variable.set(self._key, text, description=self._description)
        except AirflowRuntimeError:
            answered = False  # it may have been written all the same, or be written later
        there = _kept(self._key)
        if there != text and (answered or there not in self._own):
            raise self._fenced()
        if there != text:
            raise UnavailableError(
                f"Airflow did not write the Variable {self._key}: see that its API server and database are up; nothing "
                f"is lost, the next run goes on from what is recorded."
            )
        self._own = {text}

    def _fenced(self) -> FencedError:
        return FencedError(
            f"the Variable {self._key} was changed by another run since this one read it: let only one run of "
            f"this DAG be active; nothing is lost, the other run's record stands."
        )


def _kept(key: str) -> str | None:
    """Return what a Variable holds, or None where there is none.

    :raises UnavailableError: nobody can say. ``Variable.get`` returns its default then too, and a position that cannot
        be read would be taken for one that was deleted.
    """
    text: str | None = Variable.get(key, default=None)
    return confirmed_variable(key) if text is None else text


class PositionVariable:
    """Where the source position of a stream is kept."""

    def __init__(self, name: StreamName) -> None:
        self._key = name.cursor_key
        self._variable = _FencedVariable(self._key, f"How far {name.folder} is read; written by its pull task alone.")

    def load(self) -> Position | None:
        """Return the position, or None where there is none.

        :raises StopError: the Variable holds something else.
        """
        text = self._variable.read()
        return None if text is None else unpack_position(text, f"the Variable {self._key}")

    def commit(self, position: Position) -> None:
        """Record a position.

        :raises FencedError: another run has recorded one since :meth:`load`.
        """
        self._variable.write(pack_position(position))


class OffsetVariable:
    """Where the delivery offset of one destination in a stream is kept.

    :param replay: id of the DAG run whose replay's offset it is; "" for the destination's own offset.
    """

    def __init__(self, name: StreamName, destination: str, *, replay: str = "") -> None:
        self._key = name.replay_key(replay, destination) if replay else name.offset_key(destination)
        self._variable = _FencedVariable(
            self._key, f"How far {name.folder} is shipped to {destination}; written by that ship task alone."
        )

    def load(self) -> Offset | None:
        """Return the offset, or None where there is none.

        :raises StopError: the Variable holds something else.
        """
        text = self._variable.read()
        if text is None:
            return None
        refuse_newer(text, f"the Variable {self._key}")
        try:
            return msgspec.json.decode(text, type=Offset)
        except UNREADABLE as error:
            raise StopError(
                f"the Variable {self._key} does not hold a delivery offset ({error}): restore it, or delete it to ship "
                f"everything that is kept again."
            ) from None

    def commit(self, offset: Offset) -> None:
        """Record an offset.

        :raises FencedError: another run has recorded one since :meth:`load`.
        """
        self._variable.write(msgspec.json.encode(replace(offset, version=STATE_VERSION)).decode())

    def delete(self) -> None:
        """Forget the offset; it is no error if there is none."""
        if self._variable.read() is not None:
            Variable.delete(self._key)


class SummaryVariable:
    """What the last report of a pipeline has left for the page; written by the report task of the incremental DAG."""

    def __init__(self, pipeline: str) -> None:
        self._key = f"{PREFIX}.{pipeline}.summary"
        self._variable = _FencedVariable(self._key, f"What is known of {pipeline}'s activity; written by its reports.")

    def load(self) -> Summary | None:
        """Return the summary; None where there is none, or one that cannot be read: the next report makes another."""
        text = self._variable.read()
        try:
            return None if text is None else unpack_summary(text, f"the Variable {self._key}")
        except StopError:
            return None

    def commit(self, summary: Summary) -> None:
        """Record a summary. :raises FencedError: another run has recorded one since :meth:`load`."""
        self._variable.write(pack_summary(summary))


class ClaimsVariable:
    """What one task of a pipeline claims of the request budgets, by source; written by that task alone."""

    def __init__(self, pipeline: str, task: str) -> None:
        self._key = f"{PREFIX}.{pipeline}.budget.{task}"

    def load(self) -> dict[str, Claim]:
        """Return the claims; an unreadable record is no record. :raises UnavailableError: Airflow does not say."""
        try:
            return msgspec.json.decode(_kept(self._key) or "{}", type=dict[str, Claim])
        except UNREADABLE:
            return {}

    def commit(self, claims: dict[str, Claim]) -> None:
        """Record the claims. :raises UnavailableError: Airflow may not have recorded them."""
        try:
            Variable.set(self._key, msgspec.json.encode(claims).decode(), description="Parts of the request budgets.")
        except AirflowRuntimeError:
            raise UnavailableError(f"Airflow did not write the Variable {self._key}: see that it is up.") from None


class GapWindowsVariable:
    """Which windows of a pipeline have gaps: one of which nothing could be read has no folder in the spool.

    :param lane: of the backfill, from 1; each writes a record of its own, and all are read.
    """

    def __init__(self, pipeline: str, lane: int = 1) -> None:
        self._pipeline = pipeline
        self._keys = [f"{PREFIX}.{pipeline}.backfill.gaps{f'.{n}' if n else ''}" for n in range(MOST_WINDOWS_AT_ONCE)]
        self._key = self._keys[lane - 1]
        self._variable = _FencedVariable(self._key, f"The backfilled windows of {pipeline} that have gaps.")

    def load(self) -> list[StreamName]:
        """Return the streams of the windows, lane by lane, in the order in which they were met.

        :raises StopError: a Variable holds something else.
        """
        return [StreamName(self._pipeline, window) for key in self._keys for window in _windows_in(key, _kept(key))]

    def add(self, name: StreamName) -> None:
        """Record a window; it is no error if it is there."""
        known = _windows_in(self._key, self._variable.read())
        if name.window not in known:
            self._variable.write(msgspec.json.encode([*known, name.window]).decode())


def _windows_in(key: str, text: str | None) -> list[str]:
    try:
        return msgspec.json.decode(text or "[]", type=list[str])
    except UNREADABLE as error:
        raise StopError(f"the Variable {key} does not hold windows ({error}): restore it.") from None


class AcknowledgementsVariable:
    """Which gaps of a pipeline somebody has acknowledged; written by people alone."""

    def __init__(self, pipeline: str) -> None:
        self._key = f"{PREFIX}.{pipeline}.gaps.acknowledged"
        self._description = f"The gaps of {pipeline} that somebody has looked at."
        self._variable = _FencedVariable(self._key, self._description)

    def load(self) -> dict[str, Acknowledgement]:
        """Return the acknowledgements, by id of the gap.

        :raises StopError: the Variable holds something else.
        """
        text = self._variable.read()
        try:
            return msgspec.json.decode(text or "{}", type=dict[str, Acknowledgement])
        except UNREADABLE as error:
            raise StopError(
                f"the Variable {self._key} does not hold acknowledgements ({error}): restore it, or delete it to see "
                f"every gap again."
            ) from None

    def add(self, gap_id: str, acknowledgement: Acknowledgement) -> None:
        """Record an acknowledgement. :raises FencedError: somebody else has recorded one at the same moment."""
        text = msgspec.json.encode(self.load() | {gap_id: acknowledgement}).decode()
        try:
            self._variable.write(text)
        except ImportError:
            # Outside of a task there is nobody to hand a Variable to, so it is written into Airflow's database.
            from airflow.models.variable import Variable as StoredVariable

            StoredVariable.set(self._key, text, description=self._description)
