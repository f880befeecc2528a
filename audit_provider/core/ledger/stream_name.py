"""Names of a pipeline's streams and records: folders in the spool, keys in the ledger. The grammar of keys:

::

    audit_logs.<pipeline>[.<stream>].cursor                       position
    audit_logs.<pipeline>[.<stream>].cursor.copy                  position_copy
    audit_logs.<pipeline>[.<stream>].to.<destination>             offset
    audit_logs.<pipeline>.replay.<run>[.<stream>].to.<destination>  replay
    audit_logs.<pipeline>.budget.<task>                           claims
    audit_logs.<pipeline>.backfill.gaps[.<lane>]                  gap_windows
    audit_logs.<pipeline>.gaps.acknowledged                       acknowledgements
    audit_logs.<pipeline>.summary                                 summary
    audit_logs.<pipeline>.source                                  source
    audit_logs.<pipeline>[.<stream>].tree                         tree
    audit_logs.<pipeline>.look                                    look

``<stream>`` is empty for the live stream, else ``backfill.<window>``, ``reconcile``, ``findings`` or ``evidence``. No
name contains a dot.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from audit_provider.core.model import UTC, Window, date_of
from audit_provider.core.spool import Stream

if TYPE_CHECKING:
    from audit_provider.core.ledger.position import Position
    from audit_provider.core.spool import Store

PREFIX = "audit_logs"
"""How every key begins."""

RecordKind = Literal[
    "position",
    "position_copy",
    "offset",
    "replay",
    "claims",
    "gap_windows",
    "acknowledgements",
    "summary",
    "source",
    "removed",
    "tree",
    "look",
]

_STAMP = "%Y%m%dT%H%M%SZ"
_RECONCILE = "reconcile"
_FINDINGS = "findings"
_EVIDENCE = "evidence"
_APART = (_RECONCILE, _FINDINGS, _EVIDENCE)


@dataclass(frozen=True, slots=True)
class StreamName:
    """A stream of a pipeline: live, of a backfill window, of the reconciliation, of findings or of evidence.

    :ivar window: "" for the live stream, ``reconcile`` for that of late events, ``findings`` for that of findings,
        ``evidence`` for that of checkpoints and changes of the configuration, else the backfill window.
    """

    pipeline: str
    window: str = ""

    @classmethod
    def of_reconciliation(cls, pipeline: str) -> StreamName:
        """Return the stream of the events that came late or were missed."""
        return cls(pipeline, _RECONCILE)

    @classmethod
    def of_findings(cls, pipeline: str) -> StreamName:
        """Return the stream of monitoring's findings."""
        return cls(pipeline, _FINDINGS)

    @classmethod
    def of_evidence(cls, pipeline: str) -> StreamName:
        """Return the stream of checkpoints and changes of the configuration."""
        return cls(pipeline, _EVIDENCE)

    @classmethod
    def of_folder(cls, pipeline: str, folder: str) -> StreamName | None:
        """Return the stream kept in a folder of the pipeline; None if the folder belongs to no stream."""
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
    def is_live(self) -> bool:
        """Whether it is the live stream, into which the pipeline's own schedule reads."""
        return not self.window

    @property
    def is_findings(self) -> bool:
        """Whether it is the stream of monitoring's findings."""
        return self.window == _FINDINGS

    @property
    def is_evidence(self) -> bool:
        """Whether it is the stream of checkpoints and changes of the configuration."""
        return self.window == _EVIDENCE

    @property
    def is_made_here(self) -> bool:
        """Whether this package makes its events, and not a vendor."""
        return self.is_findings or self.is_evidence

    @property
    def is_backfill(self) -> bool:
        """Whether it is the stream of a backfill window; it no longer grows once the window is read completely."""
        return bool(self.window) and self.window not in _APART

    @property
    def span(self) -> Window | None:
        """The backfill window of this stream; None for any other stream."""
        start, _, end = self.window.partition("_")
        try:
            first, last = (datetime.strptime(each, _STAMP).replace(tzinfo=UTC) for each in (start, end))
            return Window(first, last)
        except ValueError:  # such as a copy of a folder that somebody has made
            return None

    def overlaps(self, window: Window) -> bool:
        """Return whether this is the stream of a backfill window that overlaps with ``window``."""
        own = self.span
        return own is not None and own.start < window.end and window.start < own.end

    @property
    def folder(self) -> str:
        """The stream's folder in the spool."""
        if self.window in _APART:
            return f"{self.pipeline}/{self.window}"
        return f"{self.pipeline}/backfill-{self.window}" if self.window else f"{self.pipeline}/live"

    def stream(self, store: Store, position: Position) -> Stream:
        """Return the stream in the chain of a position."""
        return Stream(store, self.folder, position.chain)

    @property
    def cursor_key(self) -> str:
        """The key of the source position."""
        return str(RecordKey("position", self))

    def offset_key(self, destination: str) -> str:
        """Return the key of a destination's delivery offset."""
        return str(RecordKey("offset", self, destination))


@dataclass(frozen=True, slots=True)
class RecordKey:
    """The key of one record of a pipeline.

    :ivar kind: what the record holds. :ivar stream: of a position, an offset or a replay; else the live one.
    :ivar of: the destination of an offset or a replay, the task of claims, or the lane of gap windows ("" for the
        first). :ivar run: digest of the id of a replay's run.
    """

    kind: RecordKind
    stream: StreamName
    of: str = ""
    run: str = ""

    @classmethod
    def of_replay(cls, stream: StreamName, run_id: str, destination: str) -> RecordKey:
        """Return the key of a replay's offset. It has a digest of the run's id, because a key holds 250 characters."""
        return cls("replay", stream, destination, hashlib.sha256(run_id.encode()).hexdigest()[:12])

    @classmethod
    def parsed(cls, key: str) -> RecordKey | None:
        """Return the key that a text represents; None if it is not a key of this package."""
        prefix, *names = key.split(".")
        if prefix != PREFIX or not names or not all(names):
            return None
        pipeline, *rest = names
        live = StreamName(pipeline)
        match rest:
            case ["summary" | "source" | "look" as kind]:
                return cls(kind, live)
            case ["gaps", "acknowledged"]:
                return cls("acknowledgements", live)
            case ["budget", task]:
                return cls("claims", live, task)
            case ["backfill", "gaps"]:
                return cls("gap_windows", live)
            case ["backfill", "gaps", lane]:
                return cls("gap_windows", live, lane)
            case ["replay", run, *path, "to", destination]:
                stream = _stream_at(pipeline, path)
                return cls("replay", stream, destination, run) if stream else None
            case [*path, "to", destination]:
                stream = _stream_at(pipeline, path)
                return cls("offset", stream, destination) if stream else None
            case [*path, "removed"]:
                stream = _stream_at(pipeline, path)
                return cls("removed", stream) if stream else None
            case [*path, "cursor", "copy"]:
                stream = _stream_at(pipeline, path)
                return cls("position_copy", stream) if stream else None
            case [*path, "tree"]:
                stream = _stream_at(pipeline, path)
                return cls("tree", stream) if stream else None
            case [*path, "cursor"]:
                stream = _stream_at(pipeline, path)
                return cls("position", stream) if stream else None
        return None

    def __str__(self) -> str:
        tail = {
            "position": [*self._path, "cursor"],
            "position_copy": [*self._path, "cursor", "copy"],
            "offset": [*self._path, "to", self.of],
            "replay": ["replay", self.run, *self._path, "to", self.of],
            "claims": ["budget", self.of],
            "gap_windows": ["backfill", "gaps", *([self.of] if self.of else [])],
            "acknowledgements": ["gaps", "acknowledged"],
            "summary": ["summary"],
            "source": ["source"],
            "removed": [*self._path, "removed"],
            "tree": [*self._path, "tree"],
            "look": ["look"],
        }[self.kind]
        return ".".join([PREFIX, self.stream.pipeline, *tail])

    @property
    def _path(self) -> list[str]:
        if self.stream.is_backfill:
            return ["backfill", self.stream.window]
        return [self.stream.window] if self.stream.window else []


def _stream_at(pipeline: str, path: list[str]) -> StreamName | None:
    """Return the stream that the middle of a key names; None if it names none."""
    match path:
        case []:
            return StreamName(pipeline)
        case ["reconcile" | "findings" | "evidence" as apart]:
            return StreamName(pipeline, apart)
        case ["backfill", window] if window and window not in _APART:
            return StreamName(pipeline, window)
    return None


def _stamp(moment: datetime) -> str:
    # Not by strftime: on some systems, it writes years before 1000 with fewer than four digits.
    moment = moment.astimezone(UTC)
    return f"{date_of(moment, '')}T{moment:%H%M%SZ}"
