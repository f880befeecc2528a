"""The JSON form and the version of everything kept between runs: the spool, positions, offsets and other records.

A newer version of this package reads the records of an older one. An older one would skip keys that it does not know,
so it refuses a record with a higher state version than its own.

If only a few records use a new feature, only their version is raised, so that users without such records can go back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from audit_provider.core.errors import UNREADABLE, StopError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

STATE_VERSION = 1
"""Raise it if a version that does not know a change would misread the record. A record without a version has 1."""

DISCARDS = 2
"""Version of an offset with discarded dead letters; a version that does not know those would send them again."""


class _Versioned(msgspec.Struct):
    version: int = 1


def refuse_newer(kept: bytes | str, where: str, newest: int = STATE_VERSION) -> None:
    """Refuse a record of a newer version. If the record cannot be decoded at all, its own reader reports that.

    :param kept: JSON. :param where: what holds it, for the message. :param newest: highest version known here.
    :raises StopError: it is from a newer version.
    """
    try:
        version = msgspec.json.decode(kept, type=_Versioned).version
    except UNREADABLE:
        return
    if version > newest:
        raise StopError(
            f"{where} was written by a newer version of this package (state version {version}, here {newest}): "
            "install that version wherever tasks run; nothing has been changed."
        )


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How one kind of record is written as JSON and read again.

    :ivar type: of the value, for the decoder. :ivar name: of the kind in messages, as in ``a position``.
    :ivar remedy: what to do with a record that cannot be read. :ivar versioned: the value has a field ``version``.
    :ivar newest: highest version known here. :ivar needs: returns the version that a value's content needs.
    """

    type: Any
    name: str
    remedy: str
    versioned: bool = False
    newest: int = STATE_VERSION
    needs: Callable[[T], int] | None = None

    def pack(self, value: T) -> str:
        """Return a value as JSON, with the version that it needs if the kind is versioned."""
        if not self.versioned:
            return msgspec.json.encode(value).decode()
        version = max(STATE_VERSION, self.needs(value) if self.needs else 0)
        return msgspec.json.encode(replace(cast("Any", value), version=version)).decode()

    def unpack(self, text: str, where: str) -> T:
        """Return the value that ``text`` holds.

        :param where: what holds it, for the message.
        :raises StopError: it is from a newer version of this package, or is not a record of this kind.
        """
        if self.versioned:
            refuse_newer(text, where, self.newest)
        try:
            return cast("T", msgspec.json.decode(text, type=self.type))
        except UNREADABLE as error:
            raise StopError(f"{where} does not contain {self.name} ({error}): {self.remedy}.") from None
