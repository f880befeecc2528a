"""Which streams a pipeline has, and under which names each is kept: in the spool, and in Variables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from audit_provider.core.model import UTC, Window, date_of
from audit_provider.core.spool import Stream

if TYPE_CHECKING:
    from audit_provider.core.position import Position
    from audit_provider.core.spool import Store

PREFIX = "audit_logs"
"""Of every Variable."""

_STAMP = "%Y%m%dT%H%M%SZ"
_RECONCILE = "reconcile"
_FINDINGS = "findings"
_APART = (_RECONCILE, _FINDINGS)


@dataclass(frozen=True, slots=True)
class StreamName:
    """Which stream of a pipeline: the live one, a backfill window's, the reconciliation's, or that of findings.

    :ivar window: "" for the live stream, ``reconcile`` for that of late events, ``findings`` for that of findings.
    """

    pipeline: str
    window: str = ""

    @classmethod
    def of_reconciliation(cls, pipeline: str) -> StreamName:
        """Return the stream of the events that came late or were missed."""
        return cls(pipeline, _RECONCILE)

    @classmethod
    def of_findings(cls, pipeline: str) -> StreamName:
        """Return the stream of what monitoring has found."""
        return cls(pipeline, _FINDINGS)

    @classmethod
    def of_cursor_key(cls, pipeline: str, key: str) -> StreamName | None:
        """Return the stream whose source position a Variable of the pipeline holds; None where it is none's."""
        rest = key.removeprefix(f"{PREFIX}.{pipeline}").removesuffix(".cursor")
        name = cls(pipeline, rest.removeprefix(".backfill").removeprefix("."))
        return name if name.cursor_key == key else None

    @classmethod
    def of_folder(cls, pipeline: str, folder: str) -> StreamName | None:
        """Return the stream kept in a folder below the pipeline's; None where it is no stream's."""
        if folder in ("live", *_APART):
            return cls(pipeline, "" if folder == "live" else folder)
        window = folder.removeprefix("backfill-")
        return cls(pipeline, window) if window != folder else None

    @classmethod
    def of_window(cls, pipeline: str, window: Window) -> StreamName:
        """Return the stream of a backfill window. The same window is the same stream in every run."""
        return cls(pipeline, f"{_stamp(window.start)}_{_stamp(window.end)}")

    @classmethod
    def all_in(cls, store: Store, pipeline: str) -> list[StreamName]:
        """Return the streams of a pipeline that the spool holds: live, the windows by time, findings, late events."""
        names = [cls.of_folder(pipeline, folder) for folder in store.folders(f"{pipeline}/")]
        return sorted((each for each in names if each), key=lambda each: each.window)

    @property
    def is_backfill(self) -> bool:
        """Whether it is a backfill window's: once that is read whole, its stream grows no more."""
        return bool(self.window) and self.window not in _APART

    def overlaps(self, window: Window) -> bool:
        """Whether this is the stream of a backfill window that has some time in common with ``window``."""
        start, _, end = self.window.partition("_")
        if not end:
            return False
        own = [datetime.strptime(each, _STAMP).replace(tzinfo=UTC) for each in (start, end)]
        return own[0] < window.end and window.start < own[1]

    @property
    def folder(self) -> str:
        """The stream's folder in the spool."""
        if self.window in _APART:
            return f"{self.pipeline}/{self.window}"
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

    def replay_key(self, run_id: str, destination: str) -> str:
        """Return the Variable of a replay's offset. A digest stands for the run, since a key holds 250 characters."""
        run = hashlib.sha256(run_id.encode()).hexdigest()[:12]
        return f"{PREFIX}.{self.pipeline}.replay.{run}{self._window}.to.{destination}"

    @property
    def _key(self) -> str:
        return f"{PREFIX}.{self.pipeline}{self._window}"

    @property
    def _window(self) -> str:
        if self.window in _APART:
            return f".{self.window}"
        return f".backfill.{self.window}" if self.window else ""


def _stamp(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{date_of(moment, '')}T{moment:%H%M%SZ}"
