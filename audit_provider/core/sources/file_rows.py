"""Turn the text of a file into events: CSV with a header, JSON lines, or one JSON list."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import UNREADABLE, ProtocolError
from audit_provider.core.records.fields import all_paths_of, keys_of
from audit_provider.core.sources.page_records import PatientReader
from audit_provider.core.text.loose_json import BrokenError, rewritten
from audit_provider.core.wire.http import MAX_ANSWER_BYTES

if TYPE_CHECKING:
    from datetime import datetime

    from audit_provider.core.model import Event, Fields
    from audit_provider.core.records.events import RecordReader

ROWS = 1000
"""Rows that are turned into events at a time."""

MOST_ROW_LETTERS = 16 * 1024 * 1024
"""Most letters of one row as it is written in the file; a longer row is refused."""

_CHUNK_LETTERS = 8 * 1024 * 1024
_SEPARATORS = (",", ";", "\t", "|")
csv.field_size_limit(MOST_ROW_LETTERS)


def events_of(text: io.TextIOBase, records: RecordReader, undated: datetime, where: str) -> Iterator[list[Event]]:
    """Yield the events of a file, some at a time.

    :param records: the source's reader of records. A file without any of the columns of id and time is refused.
    :param undated: the time given to rows that show none. :param where: the request, for messages.
    :raises ProtocolError: it is neither CSV nor JSON, or not the expected file.
    """
    first = _line(text, where)
    blank, first = (first, _first_line(text, where)) if first and not first.strip() else ("", first)
    begin = first.lstrip()[:1]
    if begin == "{":
        yield from _json_lines(_lines(text, first, where), records, undated, where)
    elif begin == "[":
        yield from _json_list(text, first, records, undated, where)
    elif blank and not _columns_wanted(records.fields):
        # If no column name is known, the first line is the header, even if it is blank.
        yield from _events(_rows(chain((blank,), _lines(text, first, where)), where), records, undated, where)
    elif first:
        yield from _csv(text, first, records, undated, where)


def _first_line(text: io.TextIOBase, where: str) -> str:
    """Return the first line that is not blank; "" if there is none."""
    while line := _line(text, where):
        if line.strip():
            return line
    return ""


def _line(text: io.TextIOBase, where: str) -> str:
    line = text.readline(MOST_ROW_LETTERS + 1)
    if len(line) > MOST_ROW_LETTERS:
        raise _too_long(where)
    return line


def _lines(text: io.TextIOBase, first: str, where: str) -> Iterator[str]:
    line = first
    while line:
        yield line
        line = _line(text, where)


def _too_long(where: str) -> ProtocolError:
    return ProtocolError(
        f"{where} answered with a file whose row has more than {MOST_ROW_LETTERS:,} letters: check that it is CSV, and "
        f"that its quotes are closed."
    )


def _json_lines(lines: Iterator[str], records: RecordReader, undated: datetime, where: str) -> Iterator[list[Event]]:
    same: Counter[str] = Counter()
    chunk: list[msgspec.Raw] = []
    letters = number = 0
    for line in lines:
        number += 1
        if not (record := line.strip()):
            continue
        if number == 1 or not line.endswith(("\n", "\r")):
            found = _whole(record)
            if found is None:
                wrong = (
                    ("begins like JSON but is not JSON lines")
                    if number == 1
                    else ("ends in the middle of its last line")
                )
                raise ProtocolError(
                    f"{where} answered with a file that {wrong}: only CSV, JSON lines and one JSON list are read."
                )
            if number == 1:
                _refuse_other(found, records.fields, where)
        chunk.append(msgspec.Raw(record.encode()))
        letters += len(record)
        if len(chunk) >= ROWS or letters >= _CHUNK_LETTERS:
            yield records.events(chunk, undated, where, same=same)[0]
            chunk, letters = [], 0
    if chunk:
        yield records.events(chunk, undated, where, same=same)[0]


def _json_list(
    text: io.TextIOBase, first: str, records: RecordReader, undated: datetime, where: str
) -> Iterator[list[Event]]:
    content = (first + text.read(MAX_ANSWER_BYTES + 1)).encode()
    if len(content) > MAX_ANSWER_BYTES:
        raise ProtocolError(
            f"{where} answered with a file that is one JSON list of more than {MAX_ANSWER_BYTES:,} bytes: request JSON "
            "lines, or files of shorter time ranges."
        )
    try:
        found = msgspec.json.decode(content, type=list[msgspec.Raw])
    except UNREADABLE:
        try:
            page = PatientReader("", records.fields).read(content)
            found = msgspec.json.decode(page.body, type=list[msgspec.Raw])
        except (BrokenError, *UNREADABLE) as error:
            raise ProtocolError(
                f"{where} answered with a file that begins like a JSON list but is not one ({error})."
            ) from None
        records.note_repaired(page.repaired)
        records.note_around(page.around)
        records.unreadable += page.unreadable
    if found:
        _refuse_other(_whole(bytes(found[0]).decode(errors="replace")), records.fields, where)
    same: Counter[str] = Counter()
    for begin in range(0, len(found), ROWS):
        yield records.events(found[begin : begin + ROWS], undated, where, same=same)[0]


def _whole(record: str) -> Any:
    """Return the decoded record; None if it is not an object or a list."""
    try:
        found = json.loads(rewritten(record.encode(errors="replace")).text)
    except (BrokenError, *UNREADABLE):
        return None
    return found if isinstance(found, (dict, list)) else None


def _refuse_other(record: Any, fields: Fields, where: str) -> None:
    columns = list(record) if isinstance(record, dict) else []
    if not _has_any(columns, fields):
        raise _other(where, "record", columns, fields)


def _columns_wanted(fields: Fields) -> set[str]:
    """Return the possible names of the columns of id and time: a whole path, or its first key."""
    paths = (*all_paths_of(fields.id), *all_paths_of(fields.time))
    return {name for path in paths for name in (path.replace("\\.", "."), keys_of(path)[0])}


def _has_any(columns: list[str], fields: Fields) -> bool:
    wanted = _columns_wanted(fields)
    return not wanted or not wanted.isdisjoint(columns)


def _other(where: str, what: str, columns: list[str], fields: Fields) -> ProtocolError:
    wanted = " or ".join(sorted(_columns_wanted(fields)))
    shown = ", ".join(columns)[:80]
    return ProtocolError(
        f"{where} answered with a file whose first {what} has no {wanted} ({shown}), so it is another file, or "
        "'fields' of the source names columns that it does not have."
    )


def _csv(
    text: io.TextIOBase, first: str, records: RecordReader, undated: datetime, where: str
) -> Iterator[list[Event]]:
    separator = ""
    named = first.strip().strip('"')
    if named[:4].lower() == "sep=" and len(named) == len("sep=") + 1:
        separator, first = named[4:], _first_line(text, where)
    elif first.strip(" \r\n").lower() == "sep=\t":
        separator, first = "\t", _first_line(text, where)
    separator = separator or _separator(first, records.fields)
    yield from _events(_rows(_lines(text, first, where), where, separator), records, undated, where)


def _events(
    rows: Iterator[tuple[list[str], int]],
    records: RecordReader,
    undated: datetime,
    where: str,
) -> Iterator[list[Event]]:
    first = next(rows, None)
    if first is None:
        return
    header = _columns(first[0])
    if not _has_any(header, records.fields):
        raise _other(where, "row", header, records.fields)
    same: Counter[str] = Counter()
    for chunk in _chunks(rows):
        raws = [msgspec.Raw(msgspec.json.encode(_record(header, row))) for row in chunk if row]
        yield records.events(raws, undated, where, same=same)[0]


def _separator(first: str, fields: Fields) -> str:
    """Return the separator that gives the first line a column named in ``fields``; a comma if none does."""
    for each in _SEPARATORS:
        with contextlib.suppress(csv.Error):
            if _has_any(next(csv.reader([first], delimiter=each), []), fields):
                return each
    return _SEPARATORS[0]


def _rows(lines: Iterable[str], where: str, separator: str = ",") -> Iterator[tuple[list[str], int]]:
    """Yield each row, and how many letters it took."""
    taken = 0

    def counted() -> Iterator[str]:
        nonlocal taken
        for line in lines:
            taken += len(line)
            if taken > MOST_ROW_LETTERS:
                raise _too_long(where)
            yield line

    # Strict, because a quote that is not closed would otherwise join several rows into one.
    try:
        for row in csv.reader(counted(), delimiter=separator, strict=True):
            yield row, taken
            taken = 0
    except csv.Error as error:
        raise ProtocolError(
            f"{where} answered with a file that is not CSV ({error}), so the rows cannot be separated: check that its "
            "quotes are closed."
        ) from None


def _chunks(rows: Iterator[tuple[list[str], int]]) -> Iterator[list[list[str]]]:
    """Yield some rows at a time, fewer if they are long."""
    chunk: list[list[str]] = []
    letters = 0
    for row, taken in rows:
        chunk.append(row)
        letters += taken
        if len(chunk) >= ROWS or letters >= _CHUNK_LETTERS:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def _columns(header: list[str]) -> list[str]:
    """Return the columns' names; a column without a name, or with an earlier column's, is named by its number."""
    return [
        name if name and name not in header[: number - 1] else f"column_{number}"
        for number, name in enumerate(header, 1)
    ]


def _record(header: list[str], row: list[str]) -> dict[str, str]:
    """Return the cells of a row by column name; a cell beyond the header is kept under its number."""
    if len(row) == len(header):
        return dict(zip(header, row, strict=True))
    pairs = zip_longest(header, row)
    return {name if name is not None else f"column_{n}": cell or "" for n, (name, cell) in enumerate(pairs, 1)}
