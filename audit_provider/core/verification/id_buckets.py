"""Ids by the ten million, in memory that does not grow with their number."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

_BUCKETS = 256
_KEPT_IN_MEMORY = 100_000

_encode = msgspec.json.Encoder().encode
_decode_lines = msgspec.json.Decoder(tuple[int, str, tuple[str, ...]]).decode_lines
_DIGEST_BYTES = 12


def digest_of(content: bytes) -> str:
    """Return a short digest of what an event says, to compare it by."""
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


class IdBucket(dict[str, list[int]]):
    """Ids, and the places where each was met.

    :ivar contents: of each id the places again, each with digests of what was met there; those of which none is known
        are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.contents: dict[str, list[tuple[int, tuple[str, ...]]]] = {}


class IdBuckets:
    """Ids with a number each that says where one was met.

    They lie in files of a private temporary folder, by a hash of the id, so that all that is known of one id is in one
    bucket, and one bucket is in memory at a time. The folder is removed at the end of the ``with`` block.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="audit-verify-")
        self._lines: list[list[bytes]] = [[] for _ in range(_BUCKETS)]
        self._count = 0

    def __enter__(self) -> IdBuckets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, place: int, ids: Iterable[str], contents: Iterable[tuple[str, ...]] = ()) -> None:
        """Add ids that were met at ``place``.

        :param contents: digests of what each of them says there, for as many as are known.
        :raises UnavailableError: the disk is full.
        """
        for name, digests in zip(ids, chain(contents, repeat(())), strict=False):
            self._lines[zlib.crc32(name.encode()) % _BUCKETS].append(_encode((place, name, digests)))
            self._count += 1
        if self._count >= _KEPT_IN_MEMORY:
            self._flush()

    def __iter__(self) -> Iterator[IdBucket]:
        """Yield each bucket."""
        self._flush()
        for number in range(_BUCKETS):
            path = self._path(number)
            if path.exists():
                bucket = IdBucket()
                for place, name, digests in _decode_lines(path.read_bytes()):
                    bucket.setdefault(name, []).append(place)
                    if digests:
                        bucket.contents.setdefault(name, []).append((place, digests))
                yield bucket

    def _flush(self) -> None:
        try:
            for number, lines in enumerate(self._lines):
                if lines:
                    with self._path(number).open("ab") as file:
                        file.write(b"\n".join(lines) + b"\n")
                    lines.clear()
        except OSError as error:
            raise UnavailableError(
                f"the temporary folder {self._folder.name} cannot be written ({error.strerror}): free it, or set "
                f"TMPDIR to another place."
            ) from None
        self._count = 0

    def _path(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number:03d}"
