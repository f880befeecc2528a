"""Shared by destinations that write files: a batch becomes one file per folder, each with its own result."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from itertools import groupby, repeat
from typing import TYPE_CHECKING

from isal import isal_zlib

from audit_provider.core.destinations.base import Limits, Outcome, Verdict
from audit_provider.core.errors import UnavailableError
from audit_provider.core.records.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_provider.core.destinations.base import Batch, Item

_EVENT_BYTES = 256 * 1024**2
"""Limit of one event. A file may have any size, so this only protects the memory."""

_NAME_DIGITS = 32
_MARK_DIGITS = 8
_COUNT_DIGITS = 9  # of equal records, at most
FILE_NAME = re.compile(r"([0-9a-f]{32})(?:-[0-9a-f]{8})?\.ndjson\.gz")
"""The names that :func:`file_name` returns."""

_BY_CONTENT = re.compile(r"(?:.+-)?([0-9a-f]{32})(-[0-9]+)?", re.DOTALL)
"""Ids with a digest of the content: of a record without an id, or of another record under a known id."""

_content = Content()

_GZIP = 31  # zlib's window bits for a gzip wrapper
_GZIP_LEVEL = 2
_LINES_AT_ONCE = 256
"""Lines that are joined, digested and compressed while they are still in the processor's cache."""


def file_limits(batch_bytes: int) -> Limits:
    """Return the limits of files named by their content: batches of whole segments, the same on every try.

    :param batch_bytes: of one file before compression; a larger event gets its own file.
    """
    return Limits(events=10_000_000, batch_bytes=batch_bytes, event_bytes=_EVENT_BYTES, whole_segments=True)


def put_by_folder(
    batch: Batch, folder_of: Callable[[Item], str], put: Callable[[str, Sequence[Item]], Verdict]
) -> Outcome:
    """Write one file per folder; if one cannot be written, the others stay valid.

    :param put: writes the items of a folder as one file.
    """
    folders: dict[str, list[Item]] = defaultdict(list)
    runs: list[tuple[str, int]] = []  # events of one folder that follow each other
    for folder, run in groupby(batch.items, folder_of):
        before = len(folders[folder])
        folders[folder] += run
        runs.append((folder, len(folders[folder]) - before))
    verdicts: dict[str, Verdict] = {}
    said = ""
    for folder, items in sorted(folders.items()):
        try:
            verdicts[folder] = put(folder, items)
        except UnavailableError as error:
            verdicts[folder], said = Verdict.RETRY, str(error)
    return Outcome(tuple([verdict for folder, count in runs for verdict in repeat(verdicts[folder], count)]), said)


def file_name(digest: str, items: Sequence[Item]) -> str:
    """Return the name of a file of lines: the first digits of the digest of its content.

    Equal records without an id are several events. If their lines do not differ, two files may have the same content,
    and the second one would be mistaken for the first. The name then contains a digest of their ids too. The same
    applies to records under one id whose differences are redacted.
    """
    hidden = [item.event.id for item in items if _may_be_hidden(item.event.id) and _is_hidden(item)]
    mark = f"-{hashlib.sha256(repr(hidden).encode()).hexdigest()[:_MARK_DIGITS]}" if hidden else ""
    return f"{digest[:_NAME_DIGITS]}{mark}.ndjson.gz"


def _may_be_hidden(event_id: str) -> bool:
    """Whether an id may end with a digest or a count; most ids do not, and the expression takes longer."""
    return not _COUNT_DIGITS < len(event_id) - 1 - event_id.rfind("-") < _NAME_DIGITS


def _is_hidden(item: Item) -> bool:
    """Whether the line of an event neither contains nor determines its id.

    The id then counts equal records, or was computed from more than what is sent.
    """
    named = _BY_CONTENT.fullmatch(item.event.id)
    if named is None or item.event.id.encode() in item.encoded:
        return False
    return named[2] is not None or _content.digest(item.encoded) != named[1]


def packed_lines(items: Sequence[Item]) -> tuple[str, bytes]:
    """Return the SHA-256 of the items' lines, hexadecimal, and the lines themselves as gzip.

    Each line ends with a newline. The file is named by this digest, because the compressed bytes may differ between
    versions of the compressor.
    """
    digest = hashlib.sha256()
    compressor = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP)
    parts: list[bytes] = []
    for first in range(0, len(items), _LINES_AT_ONCE):
        lines = b"\n".join([*[item.encoded for item in items[first : first + _LINES_AT_ONCE]], b""])
        digest.update(lines)
        parts.append(compressor.compress(lines))
    parts.append(compressor.flush())
    return digest.hexdigest(), b"".join(parts)
