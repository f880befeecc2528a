"""Progress, kept in Airflow Variables: the only module that touches them.

========================================== ====================== =====================================
Variable                                   writer                 holds
========================================== ====================== =====================================
``audit_logs.<pipeline>.cursor``           the pull task          the source position and the head
``audit_logs.<pipeline>.to.<destination>`` that ship task         the delivery offset
``….backfill.<window>.cursor`` / ``.to.…`` the backfill's tasks   the same, for one window
``audit_logs.<pipeline>.backfill.pace``    the backfill's pulls   when its last requests were sent
========================================== ====================== =====================================
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from airflow.sdk import Variable

from audit_provider.core.errors import FencedError, StopError
from audit_provider.core.model import Offset, Window
from audit_provider.core.position import Position, pack_position, unpack_position
from audit_provider.core.spool import Stream

if TYPE_CHECKING:
    from audit_provider.core.spool import Store

_PREFIX = "audit_logs"
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class StreamName:
    """Which stream of a pipeline: the live one, or a backfill window's.

    :ivar window: "" for the live stream.
    """

    pipeline: str
    window: str = ""

    @classmethod
    def of_window(cls, pipeline: str, window: Window) -> StreamName:
        """Return the stream of a backfill window. The same window is the same stream in every run."""
        return cls(pipeline, f"{window.start.strftime(_STAMP)}_{window.end.strftime(_STAMP)}")

    @property
    def folder(self) -> str:
        """The stream's folder in the spool."""
        return f"{self.pipeline}/backfill-{self.window}" if self.window else f"{self.pipeline}/live"

    def stream(self, store: Store, position: Position) -> Stream:
        """Return the stream that a position leads to."""
        return Stream(store, self.folder, position.chain)

    @property
    def cursor_key(self) -> str:
        """The Variable of the source position."""
        return f"{self._key}.cursor"

    def offset_key(self, destination: str) -> str:
        """Return the Variable of a destination's delivery offset."""
        return f"{self._key}.to.{destination}"

    @property
    def _key(self) -> str:
        window = f".backfill.{self.window}" if self.window else ""
        return f"{_PREFIX}.{self.pipeline}{window}"


class _FencedVariable:
    """A Variable with one writer: a write is refused where another has written since it was read.

    Variables have no compare-and-set, so this narrows the race to the time between two calls. What keeps two
    writers apart is ``max_active_runs=1``; this catches a run that comes back from the dead.
    """

    def __init__(self, key: str, description: str) -> None:
        self._key = key
        self._description = description
        self._text: str | None = None

    def read(self) -> str | None:
        self._text = Variable.get(self._key, default=None)
        return self._text

    def write(self, text: str) -> None:
        if Variable.get(self._key, default=None) != self._text:
            raise FencedError(
                f"the Variable {self._key} was changed by another run since this one read it: let only one run of "
                f"this DAG be active; nothing is lost, the other run's record stands."
            )
        Variable.set(self._key, text, description=self._description)
        self._text = text


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
    """Where the delivery offset of one destination in a stream is kept."""

    def __init__(self, name: StreamName, destination: str) -> None:
        self._key = name.offset_key(destination)
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
        try:
            return msgspec.json.decode(text, type=Offset)
        except msgspec.DecodeError as error:
            raise StopError(
                f"the Variable {self._key} does not hold a delivery offset ({error}): restore it, or delete it to ship "
                f"everything that is kept again."
            ) from None

    def commit(self, offset: Offset) -> None:
        """Record an offset.

        :raises FencedError: another run has recorded one since :meth:`load`.
        """
        self._variable.write(msgspec.json.encode(offset).decode())


class PaceVariable:
    """When a pipeline's backfill sent its last requests: hands its pace to the next window and to polling."""

    def __init__(self, pipeline: str) -> None:
        self._key = f"{_PREFIX}.{pipeline}.backfill.pace"

    def load(self) -> dict[str, tuple[datetime, ...]]:
        """Return the times of requests, by source. They are a courtesy: an unreadable record is no record."""
        text = Variable.get(self._key, default=None)
        try:
            return msgspec.json.decode(text or "{}", type=dict[str, tuple[datetime, ...]])
        except msgspec.DecodeError:
            return {}

    def commit(self, requests: dict[str, tuple[datetime, ...]]) -> None:
        """Record the times of requests, by source."""
        Variable.set(self._key, msgspec.json.encode(requests).decode(), description="Pace of the backfill's requests.")
