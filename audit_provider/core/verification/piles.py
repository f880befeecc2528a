"""Ids by the ten million, in memory that does not grow with their number."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

_PILES = 256
_KEPT_IN_MEMORY = 100_000

_encode = msgspec.json.Encoder().encode
_decode_lines = msgspec.json.Decoder(tuple[int, str]).decode_lines


class Piles:
    """Ids with a number each that says where one was met.

    They lie in files of a private temporary folder, by a hash of the id, so that all that is known of one id is in one
    pile, and one pile is in memory at a time. The folder is removed at the end of the ``with`` block.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="audit-verify-")
        self._lines: list[list[bytes]] = [[] for _ in range(_PILES)]
        self._count = 0

    def __enter__(self) -> Piles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, place: int, ids: Iterable[str]) -> None:
        """Add ids that were met at ``place``.

        :raises UnavailableError: the disk is full.
        """
        for name in ids:
            self._lines[zlib.crc32(name.encode()) % _PILES].append(_encode((place, name)))
            self._count += 1
        if self._count >= _KEPT_IN_MEMORY:
            self._flush()

    def __iter__(self) -> Iterator[dict[str, list[int]]]:
        """Yield each pile: ids, and the places where each was met."""
        self._flush()
        for number in range(_PILES):
            path = self._path(number)
            if path.exists():
                pile: dict[str, list[int]] = {}
                for place, name in _decode_lines(path.read_bytes()):
                    pile.setdefault(name, []).append(place)
                yield pile

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
