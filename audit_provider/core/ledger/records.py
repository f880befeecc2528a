"""The ledger: where progress is kept, one record per key, each with one writer.

========================================== ====================== =====================================
key                                        writer                 holds
========================================== ====================== =====================================
``audit_logs.<pipeline>.cursor``           the pull task          the source position and the head
``….cursor.copy``                          the pull task          the same, written before it
``audit_logs.<pipeline>.to.<destination>`` that ship task         the delivery offset
``….backfill.<window>.cursor`` / ``.to.…`` the backfill's tasks   the same, for one window
``….replay.<run>….to.<destination>``       that ship task         how far a replay got, until its run succeeds
``audit_logs.<pipeline>.budget.<task>``    that task              what it may send of the request budgets
``audit_logs.<pipeline>.backfill.gaps``    the backfill's pulls   the windows that have gaps
``….reconcile.cursor`` / ``….to.…``        the reconciliation     the same as of the live stream
``….findings.cursor`` / ``….to.…``         the report / ship task the same as of the live stream, of findings
``….gaps.acknowledged``                    people                 the gaps that somebody has acknowledged
``audit_logs.<pipeline>.summary``          the report task        what the page shows besides these records
``audit_logs.<pipeline>.source``           the pull task          how the last runs that read the source ended
``….removed``                              the report task        how many segments of a stream were removed
``….evidence.cursor`` / ``….to.…``         the report / ship task the same as of the live stream, of evidence
``….tree``                                 the report task        how far the Merkle tree of a stream has grown
``audit_logs.<pipeline>.look``             the pipeline's watch   the last look at the source
========================================== ====================== =====================================

Airflow's Variables are the ledger of a running pipeline (:mod:`audit_provider.state`); :class:`MemoryLedger` holds
copies of records. Four mechanisms keep two writers of one record apart; each covers what the one before it misses:

1. Airflow: ``max_active_runs=1`` and ``max_active_tis_per_dag=1`` let one task at a time write a record. A run that
   is started by hand waits for the scheduled one.
2. The fence, :class:`Record`: every write first checks that the ledger still holds what this run left there, and checks
   again afterwards. If a task was cut off and comes back late, it finds another run's record and stops with a
   :class:`~audit_provider.core.errors.FencedError`.
3. The copy (:mod:`~audit_provider.core.streams.open_stream`): Variables have no compare-and-set, so a task may be
   frozen between that check and its write, and its old position then replaces a newer one. A position is written to two
   records, one after the other, so such a write replaces only one of them, and the other one is newer.
4. The chain: even if an old position replaces both records, reading continues from it without loss, because a position
   is one record with the head of its chain of segments. Each delivery offset holds the digest of the last segment that
   it passed. If the position's chain does not hold that segment, the offset goes back to the last segment that both
   chains share, and everything after it is shipped again. Nothing is lost, and the account says how much was shipped
   again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from audit_provider.core.errors import FencedError, StopError, UnavailableError
from audit_provider.core.ledger.gaps import Acknowledgement
from audit_provider.core.ledger.health import SOURCE_HEALTH
from audit_provider.core.ledger.position import POSITIONS, Position
from audit_provider.core.ledger.stream_name import RecordKey, StreamName
from audit_provider.core.model import Offset
from audit_provider.core.spool.stream import Removal
from audit_provider.core.text.state_version import DISCARDS, Codec
from audit_provider.core.wire.budget import MOST_WINDOWS_AT_ONCE, Claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.ledger.health import SourceHealth

T = TypeVar("T")

OFFSETS: Codec[Offset] = Codec(
    Offset,
    "a delivery offset",
    "restore it, or delete it to ship everything still kept again",
    versioned=True,
    newest=DISCARDS,
    needs=Offset.needed_version,
)
REMOVALS: Codec[Removal] = Codec(
    Removal, "how many segments were removed", "restore it, or delete it to use the spool's own mark"
)
_CLAIMS: Codec[dict[str, Claim]] = Codec(dict[str, Claim], "claims on the request budgets", "delete it")
_WINDOWS: Codec[list[str]] = Codec(list[str], "windows", "restore it")
_ACKNOWLEDGEMENTS: Codec[dict[str, Acknowledgement]] = Codec(
    dict[str, Acknowledgement], "acknowledgements", "restore it, or delete it to see every gap again"
)


class Ledger(Protocol):
    """A store of records, each a text under a key."""

    def read(self, key: str) -> str | None:
        """Return the text under a key; None only if there is certainly none.

        :raises UnavailableError: the ledger does not answer.
        """

    def write(self, key: str, text: str, description: str = "") -> None:
        """Keep a text under a key. :param description: for people who see the record.

        :raises UnavailableError: the text may not have been kept.
        """

    def delete(self, key: str) -> None:
        """Remove the text under a key."""


class ListedLedger(Ledger, Protocol):
    """A ledger that can also list its keys. Tasks cannot list Variables in every version of Airflow."""

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""


class MemoryLedger:
    """A ledger in a dict, with copies of records, or empty, for example to verify a copy of a spool.

    :ivar texts: by key.
    """

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self.texts: dict[str, str] = dict(texts or {})

    def read(self, key: str) -> str | None:
        """See :class:`Ledger`."""
        return self.texts.get(key)

    def write(self, key: str, text: str, description: str = "") -> None:
        """See :class:`Ledger`."""
        self.texts[key] = text

    def delete(self, key: str) -> None:
        """See :class:`Ledger`."""
        self.texts.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """See :class:`ListedLedger`."""
        return sorted(key for key in self.texts if key.startswith(prefix))


class Record(Generic[T]):
    """One record with one writer: a write is refused if another run has written since this run read the record.

    The record is read again after a write, so that if several runs write at once, all but the last one stop. A commit
    costs two reads and one write; :meth:`put` saves the second read.

    :param description: for people who see the record in Airflow.
    """

    def __init__(self, ledger: Ledger, key: RecordKey, codec: Codec[T], description: str) -> None:
        self._ledger = ledger
        self._key = str(key)
        self._codec = codec
        self._description = description
        self._own: set[str | None] = {None}

    @property
    def where(self) -> str:
        """Where it is kept, for messages."""
        return f"the Variable {self._key}"

    def hold(self) -> str | None:
        """Read the record without decoding it, so that a later commit is refused if another run writes meanwhile."""
        text = self._ledger.read(self._key)
        self._own = {text}
        return text

    def load(self) -> T | None:
        """Return the value, or None if there is none.

        :raises StopError: the record has other content, or is from a newer version of this package.
        :raises UnavailableError: it is not known.
        """
        text = self.hold()
        return None if text is None else self._codec.unpack(text, self.where)

    def commit(self, value: T) -> None:
        """Record a value.

        :raises FencedError: another run has recorded one since :meth:`load`.
        :raises UnavailableError: the ledger does not answer; nothing of this run is kept.
        """
        text = self._codec.pack(value)
        self.refuse_changed()
        self._own.add(text)
        failure: UnavailableError | None = None
        try:
            self._ledger.write(self._key, text, self._description)
        except UnavailableError as error:
            failure = error  # the text may have been written all the same, or be written later
        there = self._ledger.read(self._key)
        if there == text:
            self._own = {text}
        elif there not in self._own:
            raise self._fenced()
        else:
            # Airflow 3.1 does not say that it has not written a Variable.
            raise failure or not_written(self._key)

    def put(self, value: T) -> None:
        """Record a value without reading it again afterwards.

        The caller has proven that nothing is lost if another run writes at the same moment.

        :raises FencedError: another run has recorded one since :meth:`load`, or a person has deleted it.
        :raises UnavailableError: the ledger does not answer; nothing of this run is kept.
        """
        text = self._codec.pack(value)
        self.refuse_changed()
        self._own.add(text)
        try:
            self._ledger.write(self._key, text, self._description)
        except UnavailableError:
            if self._ledger.read(self._key) != text:
                raise
        self._own = {text}

    def refuse_changed(self) -> None:
        """Refuse to continue if another run has recorded a value since :meth:`load` or the last commit.

        :raises FencedError: another run has. :raises UnavailableError: the ledger does not answer.
        """
        if self._ledger.read(self._key) not in self._own:
            raise self._fenced()

    def delete(self) -> None:
        """Remove the record; it is no error if there is none."""
        if self.hold() is not None:
            self._ledger.delete(self._key)

    def _fenced(self) -> FencedError:
        return FencedError(
            f"{self.where} was changed by another run since this one read it: let only one run of this DAG be active; "
            f"nothing is lost, the other run's record stands."
        )


def not_written(key: str) -> UnavailableError:
    """Return the error for a Variable that Airflow has not written, or may not have."""
    return UnavailableError(
        f"Airflow did not write the Variable {key}: check that its API server and database are up; nothing is lost, "
        "the next run continues from what is recorded."
    )


def position_record(ledger: Ledger, name: StreamName) -> Record[Position]:
    """Return the record of a stream's source position."""
    return Record(
        ledger,
        RecordKey("position", name),
        POSITIONS,
        f"Position of {name.folder}; only its pull task writes it.",
    )


def offset_record(ledger: Ledger, name: StreamName, destination: str, *, replay: str = "") -> Record[Offset]:
    """Return the record of a destination's delivery offset in a stream.

    :param replay: id of the DAG run whose replay's offset it is; "" for the destination's own offset.
    """
    key = RecordKey.of_replay(name, replay, destination) if replay else RecordKey("offset", name, destination)
    return Record(ledger, key, OFFSETS, f"Offset of {destination} in {name.folder}; only that ship task writes it.")


def removal_record(ledger: Ledger, name: StreamName) -> Record[Removal]:
    """Return the record of which segments of a stream retention has removed."""
    said = f"First segment of {name.folder}; written by the report that removes older ones."
    return Record(ledger, RecordKey("removed", name), REMOVALS, said)


def source_record(ledger: Ledger, pipeline: str) -> Record[SourceHealth]:
    """Return the record of how the last runs that read a pipeline's source ended."""
    said = f"How the last runs that read the source of {pipeline} ended; written by its pull task alone."
    return Record(ledger, RecordKey("source", StreamName(pipeline)), SOURCE_HEALTH, said)


class Acknowledgements:
    """The gaps of a pipeline that somebody has acknowledged; only people write it."""

    def __init__(self, ledger: Ledger, pipeline: str) -> None:
        key = RecordKey("acknowledgements", StreamName(pipeline))
        self._record = Record(ledger, key, _ACKNOWLEDGEMENTS, f"Acknowledged gaps of {pipeline}.")

    def load(self) -> dict[str, Acknowledgement]:
        """Return the acknowledgements, by id of the gap.

        :raises StopError: the record holds something else.
        """
        return self._record.load() or {}

    def add(self, gap_id: str, acknowledgement: Acknowledgement) -> None:
        """Record an acknowledgement.

        :raises FencedError: somebody else has recorded one at the same moment.
        """
        self._record.commit(self.load() | {gap_id: acknowledgement})

    def remove(self, gap_id: str) -> None:
        """Remove an acknowledgement, so that its gap is open again; do nothing if there is none.

        :raises FencedError: somebody else has recorded one at the same moment.
        """
        left = self.load()
        if left.pop(gap_id, None):
            self._record.commit(left)


class GapWindows:
    """The backfill windows of a pipeline that have gaps.

    They are recorded because a window of which nothing could be read has no folder in the spool. Each lane of the
    backfill writes its own record, and a reader reads all of them.
    """

    def __init__(self, ledger: Ledger, pipeline: str) -> None:
        self._pipeline = pipeline
        self._lanes = [
            Record(
                ledger,
                RecordKey("gap_windows", StreamName(pipeline), str(lane) if lane else ""),
                _WINDOWS,
                f"Backfill windows of {pipeline} that have gaps.",
            )
            for lane in range(MOST_WINDOWS_AT_ONCE)
        ]

    def load(self) -> list[StreamName]:
        """Return the streams of the windows, lane by lane, in the order in which they were recorded.

        :raises StopError: a record holds something else.
        """
        return [StreamName(self._pipeline, window) for lane in self._lanes for window in lane.load() or ()]

    def add(self, name: StreamName, lane: int) -> None:
        """Record a window, if it is not recorded yet. :param lane: number of the lane that reads it, from 1."""
        record = self._lanes[lane - 1]
        known = record.load() or []
        if name.window not in known:
            record.commit([*known, name.window])


class TaskClaims:
    """The claims of one task of a pipeline on the request budgets, by source. Only that task writes it, unfenced."""

    def __init__(self, ledger: Ledger, pipeline: str, task: str) -> None:
        self._ledger = ledger
        self._key = str(RecordKey("claims", StreamName(pipeline), task))

    def begin(self) -> dict[str, Claim]:
        """Return the claims like :meth:`load`, and create an empty record if there is none.

        Proving that a record does not exist costs a task more than reading one.
        """
        text = self._ledger.read(self._key)
        if text is None:
            self.commit({})
        return self._claims_in(text)

    def load(self) -> dict[str, Claim]:
        """Return the claims; a record that cannot be decoded counts as empty.

        :raises UnavailableError: the ledger does not answer.
        """
        return self._claims_in(self._ledger.read(self._key))

    def _claims_in(self, text: str | None) -> dict[str, Claim]:
        try:
            return _CLAIMS.unpack(text, f"the Variable {self._key}") if text else {}
        except StopError:
            return {}

    def commit(self, claims: dict[str, Claim]) -> None:
        """Record the claims. :raises UnavailableError: they may not be recorded."""
        self._ledger.write(self._key, _CLAIMS.pack(claims), "Shares of the request budgets.")
