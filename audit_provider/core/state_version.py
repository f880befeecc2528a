"""The version of what is kept between runs: the spool, the source position and the delivery offset.

A newer version of this package reads what an older one has kept. An older one would pass over what it does not know, so
it refuses what bears a higher number than its own.
"""

from __future__ import annotations

import msgspec

from audit_provider.core.errors import UNREADABLE, StopError

STATE_VERSION = 1
"""To be raised where a version that does not know a change would read it wrongly; a record without it is of 1."""


class _Versioned(msgspec.Struct):
    version: int = 1


def refuse_newer(kept: bytes | str, where: str) -> None:
    """Refuse a record of a newer version. What cannot be read at all is left to its own reader.

    :param kept: JSON. :param where: what holds it, for the message.
    :raises StopError: it is of a newer version.
    """
    try:
        version = msgspec.json.decode(kept, type=_Versioned).version
    except UNREADABLE:
        return
    if version > STATE_VERSION:
        raise StopError(
            f"{where} was written by a newer version of this package (state version {version}, here {STATE_VERSION}): "
            f"install that one wherever tasks run; nothing has been changed."
        )
