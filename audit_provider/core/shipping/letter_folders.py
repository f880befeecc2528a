"""Which chains of a pipeline have dead letters, so that a report need not list every stream to find that out.

::

    <pipeline>/letters/
    ├── <stream>/<chain>/<destination>    an empty file for each folder of dead letters
    └── looked.json                       when all streams were listed last

These files prove nothing and are only an index of the folders ``dead``: each one is written before the first letter of
its folder. Once a day all streams are listed, and what the index lacks is added: folders that an earlier version has
made, and those of streams that were restored without it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from audit_provider.core.errors import UNREADABLE, SpoolDamagedError
from audit_provider.core.shipping.dead_letters import INDEX
from audit_provider.core.stream_name import StreamName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.spool import Store

_LOOKED = "looked.json"
_LOOK_AGAIN = timedelta(days=1)

Chains = dict[StreamName, list[str]]
"""The chains of each stream that have dead letters of one destination, both in order."""


def folders_in_spool(store: Store, pipeline: str) -> dict[str, Chains]:
    """Return the chains with dead letters by destination; each stream is listed.

    :raises AuditError: the spool cannot be listed.
    """
    found: dict[str, Chains] = defaultdict(dict)
    for name in StreamName.all_in(store, pipeline):
        for chain in store.folders(f"{name.folder}/"):
            for destination in store.folders(f"{name.folder}/{chain}/dead/"):
                found[destination].setdefault(name, []).append(chain)
    return dict(found)


def indexed_folders(store: Store, pipeline: str, now: datetime) -> Mapping[str, Chains]:
    """Return the chains with dead letters by destination, from the index; what that lacks is added once a day.

    :param now: aware UTC.
    :raises AuditError: the spool cannot be read or written.
    """
    top = f"{pipeline}/{INDEX}/"
    keys = list(store.keys(top))
    found = _parsed(pipeline, [key[len(top) :] for key in keys])
    if _is_fresh(store, f"{top}{_LOOKED}", now, keys):
        return found
    listed = folders_in_spool(store, pipeline)
    for destination, chains in listed.items():
        for name, of_stream in chains.items():
            for chain in of_stream:
                if chain not in found.get(destination, {}).get(name, ()):
                    stream = name.folder.partition("/")[2]
                    store.put(f"{top}{stream}/{chain}/{destination}", b"")
    store.put(f"{top}{_LOOKED}", msgspec.json.encode(now))
    return listed


def _is_fresh(store: Store, key: str, now: datetime, keys: list[str]) -> bool:
    if key not in keys:
        return False
    try:
        looked = msgspec.json.decode(store.get(key), type=datetime)
        return timedelta(0) <= now - looked < _LOOK_AGAIN
    except (SpoolDamagedError, TypeError, *UNREADABLE):
        return False


def _parsed(pipeline: str, names: list[str]) -> dict[str, Chains]:
    found: dict[str, Chains] = defaultdict(dict)
    for each in sorted(names):
        stream, _, rest = each.partition("/")
        chain, _, destination = rest.partition("/")
        name = StreamName.of_folder(pipeline, stream)
        if name and chain and destination:
            found[destination].setdefault(name, []).append(chain)
    return {each: dict(sorted(chains.items(), key=lambda one: one[0].window)) for each, chains in found.items()}
