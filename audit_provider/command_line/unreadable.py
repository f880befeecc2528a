"""``audit-logs unreadable``: the records of sources that could not be read, and what they hold."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from audit_provider.command_line.verify import store_at
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import text_of
from audit_provider.core.spool import Stream
from audit_provider.core.unreadable import FOLDER, UnreadableRecords
from audit_provider.core.verification import streams_in

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from audit_provider.core.spool import Store
    from audit_provider.core.unreadable import UnreadableRecord


def run_unreadable(options: argparse.Namespace) -> None:
    """List them, or write one of them.

    :raises AuditError: the spool cannot be read. :raises ConfigurationError: there is none of that name.
    """
    store = store_at(options.spool)
    count = 0
    for name, record in _all_in(store, options.pipeline):
        if options.show is None:
            count += 1
            size = len(record.content)
            print(f"{text_of(record.found_at)}  {record.source}  {size:,} bytes  {record.reason}  {name}")  # noqa: T201
        elif options.show == name:
            sys.stdout.buffer.write(record.content)
            return
    if options.show is not None:
        raise ConfigurationError(f"there is no unreadable record {options.show!r}: list them without --show.")
    print(f"{count} unreadable record{'' if count == 1 else 's'}")  # noqa: T201


def _all_in(store: Store, pipeline: str) -> Iterator[tuple[str, UnreadableRecord]]:
    for folder in streams_in(store, pipeline):
        for chain in ("", *store.folders(f"{folder}/")):
            if f"{chain}/" == FOLDER:
                continue
            for name, record in UnreadableRecords(Stream(store, folder, chain)).read():
                yield "/".join(filter(None, (folder, chain, name))), record
