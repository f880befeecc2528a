"""Logs that are queried like tables: rows are lists of values, and the names of the columns are beside them.

A result may not be ready at once: its job is polled until it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from audit_provider.core.errors import UNREADABLE, LostPageError, ProtocolError, RefusedError, UnavailableError
from audit_provider.core.records.fields import Extractor, getter_of, text_at, text_of_scalar, whole_number

# Imported at run time too, because the pipelines file is validated by these annotations.
from audit_provider.core.sources.request import Call, Request, Way

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.sources.shown import Shown
    from audit_provider.core.wire.http import Answer

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Polling:
    """How to wait for a result that is not ready at once.

    :ivar request: Request for the result of job ``{job}``, with the keys of `Request` below. It is sent again until the
        result is ready.
    :ivar id_at: Dotted path of the job's id. Example: ``job.id``.
    :ivar statuses: HTTP statuses that mean "not ready yet".
    :ivar state_at: Dotted path of the job's state. Default: only the status says it. Example: ``status.state``.
    :ivar pending: States that mean "not ready yet". Example: ``[pending, running]``.
    :ivar within: How long a result may take. After that the task fails, and the next try starts again.
    """

    request: Request
    id_at: str
    statuses: tuple[int, ...] = (202,)
    state_at: str = ""
    pending: tuple[str, ...] = ()
    within: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of records that are lists of values. Each record becomes an object with the columns' names as keys.

    :ivar at: Dotted path of the list of columns in the first page. Example: ``schema.columns``.
    :ivar name_at: Dotted path of a column's name in an element of that list.
    """

    at: str
    name_at: str = "name"

    def names_in(self, found: Any, where: str) -> tuple[bytes, ...]:
        """Return the names of the columns, as keys in JSON.

        :param found: the value at ``at``. :param where: the request, for messages.
        :raises ProtocolError: it is not a list of columns with different names.
        """
        names = [text_at(each, self.name_at) for each in found] if isinstance(found, list) else []
        if not names or not all(names) or len(set(names)) != len(names):
            raise ProtocolError(
                f"{where} has no list of columns with different names at {self.at!r}, so the rows cannot be read: "
                "correct 'columns' of the source."
            )
        return tuple(msgspec.json.encode(name) for name in names)


def records_of(rows: Sequence[msgspec.Raw], names: Sequence[bytes], where: str) -> list[msgspec.Raw]:
    """Return each row as an object, with the bytes of its values.

    :param names: as :meth:`Columns.names_in` returns them.
    :raises ProtocolError: a row is not a list with one value for each column.
    """
    records = []
    for row in rows:
        try:
            values = _decode(row)
        except UNREADABLE:
            values = []
        if len(values) != len(names):
            raise ProtocolError(
                f"{where} has a row that is no list of {len(names)} values, as many as there are columns, so it cannot "
                "be read: correct 'columns' of the source."
            )
        pairs = b",".join(b"%b:%b" % pair for pair in zip(names, values, strict=True))
        records.append(msgspec.Raw(b"{%b}" % pairs))
    return records


@dataclass(frozen=True, slots=True)
class StatementPaging:
    """The rows of a statement come in parts. The answer to the statement has the first part, and says how many there
    are; the number of all rows proves that none is missing.

    :ivar path: Path of the other parts; ``{statement}`` and ``{part}`` are replaced. Example:
        ``/statements/{statement}/parts/{part}``.
    :ivar id_at: Dotted path of the statement's id. Example: ``statement_id``.
    :ivar parts_at: Dotted path of the number of parts, or of the list of them. Example: ``result.parts``.
    :ivar rows_at: Dotted path of the number of all rows. Example: ``result.rows``.
    :ivar cut_at: Dotted path of a flag that says that the vendor has cut the result off: a window is then halved.
        Example: ``result.truncated``.
    :ivar most: Number of rows that the statement asks for at most: a result with this many rows may be cut off.
    """

    path: str
    id_at: str
    parts_at: str
    rows_at: str
    cut_at: str = ""
    most: int = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """See :class:`~audit_provider.core.sources.request.Paging`."""
        return tuple(filter(None, (self.id_at, self.parts_at, self.rows_at, self.cut_at)))

    def read(self, shown: Shown) -> Way:
        """See :class:`~audit_provider.core.sources.request.Paging`."""
        if shown.asked:
            statement, part, parts, left = _opened(shown.asked)
            if not shown.ids:
                raise LostPageError(f"{shown.where} has no rows, although the statement's result has this part.")
        else:
            statement, part = shown.cursor(self.id_at), 0
            rows, count = shown.count(self.rows_at), shown.size(self.parts_at)
            if rows is None or (count is None and rows):
                missing = self.rows_at if rows is None else self.parts_at
                raise ProtocolError(
                    f"{shown.where} does not say at {missing!r} how much there is, so nothing proves that all of it is "
                    "read: correct the paths in the source's paging."
                )
            if self.cut_at and shown.flag(self.cut_at) and rows < self.most:
                return Way("", more=False, said=True, cut=True)
            parts, left = count or 0, rows
        left -= len(shown.ids)
        more = part + 1 < parts
        if left < 0 or (left and not more):
            raise LostPageError(
                f"{shown.where} has {len(shown.ids)} rows, {abs(left)} {'more' if left < 0 else 'fewer'} than the "
                "statement's result."
            )
        return Way(f"{statement} {part + 1} {parts} {left}" if more else "", more=more, said=True)

    def apply(self, call: Call, cursor: str) -> Call:
        """See :class:`~audit_provider.core.sources.request.Paging`.

        :raises RefusedError: the cursor is one of another type of paging, so the statement must be run again.
        """
        statement, part, _, _ = _opened(cursor)
        path = self.path.replace("{statement}", quote(statement, safe="")).replace("{part}", str(part))
        return replace(call, method="GET", path=path, params={}, body=None)


class PartWatch:
    """Refuses a part of a statement's result that repeats the part before it."""

    def __init__(self) -> None:
        self._before: Sequence[str] = ()

    def take(self, cursor: str, ids: Sequence[str], where: str) -> None:
        """Check the ids of the next part.

        :param cursor: of its request; "" for the first. :param where: the request, for messages.
        :raises LostPageError: it has the ids of the part before it.
        """
        if cursor and ids and ids == self._before:
            raise LostPageError(f"{where} answered with the rows of the part before it.")
        self._before = ids


def _opened(cursor: str) -> tuple[str, int, int, int]:
    statement, *numbers = cursor.split(" ")
    found = [number for number in map(whole_number, numbers) if number is not None]
    if not len(found) == len(numbers) == 3:
        raise RefusedError("the kept cursor is not that of a statement's result.", status=400)
    part, parts, left = found
    return statement, part, parts, left


_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class ResultWaiter:
    """Waits for results of one source.

    :param polling: how the source says that a result is not ready. :param pause: waits a number of seconds.
    """

    def __init__(self, polling: Polling, now: Callable[[], datetime], pause: Callable[[float], None]) -> None:
        self._polling, self._now, self._pause = polling, now, pause
        self._said = Extractor({polling.state_at: Any, polling.id_at: Any})

    def result(self, answer: Answer, look: Callable[[Request | None], Answer], *, is_part: bool) -> Answer:
        """Return the answer with the result: ``answer``, or a later one.

        :param look: sends the request for a job, or, given None, the request of ``answer`` again.
        :param is_part: the request is for a later part of a result, so it is sent again itself, because the job answers
            with the first part.
        :raises UnavailableError: it takes too long. :raises ProtocolError: the answer has no job id to ask with.
        """
        polling = self._polling
        begun, pause = self._now(), _FIRST_PAUSE
        job = ""
        while True:
            state, name = self._progress(answer)
            if answer.status not in polling.statuses and (not state or state not in polling.pending):
                return answer
            job = name or job
            if not job and not is_part:
                raise ProtocolError(
                    f"{answer.where} says that its result is not ready, and has no id at {polling.id_at!r} with which "
                    "to ask for it: correct 'polling' of the source."
                )
            if self._now() - begun >= polling.within:
                raise UnavailableError(
                    f"{answer.where} has had no result for {polling.within}: the next try starts it again."
                )
            self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            answer = look(None if is_part else polling.request.filled({"job": job}))

    def _progress(self, answer: Answer) -> tuple[str, str]:
        """Return the state and the id of a job; "" for each that the answer does not give."""
        try:
            found = self._said.decode(answer.body)
        except UNREADABLE:
            return "", ""
        paths = (self._polling.state_at, self._polling.id_at)
        state, name = (text_of_scalar(getter_of(path)(found)) for path in paths)
        return state, name
