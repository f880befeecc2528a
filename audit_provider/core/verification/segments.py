"""Read one segment again, and check that its two files are, byte for byte, what was written."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from isal import igzip, isal_zlib

from audit_provider.core.errors import UNREADABLE, ConfigurationError, SpoolDamagedError, UnavailableError
from audit_provider.core.spool import Head, Manifest
from audit_provider.core.spool.manifests import named_after
from audit_provider.core.spool.segment import DIGEST_SHOWN, GZIP, LEVEL, MOST_BYTES, data_name, decode_events
from audit_provider.core.spool.store import check_key
from audit_provider.core.text.state_version import refuse_newer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_provider.core.model import Event
    from audit_provider.core.spool import Store
    from audit_provider.core.spool.segment import Earlier
    from audit_provider.core.verification.report import Kind

FILE_NAME = re.compile(r"([0-9]{12})-([0-9a-f]{16})\.(manifest\.json|ndjson)\.gz")
"""Number, first digits of the digest, and which of a segment's two files it is."""


@dataclass(slots=True)
class Flaw:
    """What is wrong with a file. :ivar holds: SHA-256 of its real content, to find out where that belongs."""

    kind: Kind
    name: str
    wrong: str
    holds: str = ""


@dataclass(slots=True)
class SegmentRead:
    """A segment that was read.

    :ivar head: number, digest and total of its manifest. :ivar ids: ids of its events; emptied after use.
    :ivar events: its events if they are what was written; emptied after use.
    :ivar reproduced: whether compressing the manifest again gives the same bytes.
    :ivar named: earlier segments that its manifest names, and :ivar names_next: those that the next manifest must name;
        both are emptied after they were compared.
    """

    name: str
    head: Head
    manifest: Manifest
    ids: tuple[str, ...]
    reproduced: bool
    named: Earlier = ()
    names_next: Earlier = ()
    flaws: list[Flaw] = field(default_factory=list)
    events: Sequence[Event] = ()


class FlawError(Exception):
    """A file is not what was written."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.wrong)
        self.flaw = flaw


def read_segment(store: Store, folder: str, name: str, due: Callable[[Manifest], bool] = lambda _: True) -> SegmentRead:
    """Read a manifest and its events; what is wrong with the events is listed in the flaws.

    :param name: of the manifest's file.
    :param due: returns whether the events are read too; if not, the ids are left out.
    :raises FlawError: the manifest itself cannot be used. :raises StopError: it is of a newer version of this package.
    """
    number, shown = int(name[:12]), name[13 : 13 + DIGEST_SHOWN]
    content = fetch(store, folder, name)
    text = _plain(content, name)
    digest = hashlib.sha256(text).hexdigest()
    if digest[:DIGEST_SHOWN] != shown:
        raise FlawError(Flaw("damaged", name, "is not what was written (its digest differs from its name)", digest))
    refuse_newer(text, f"the manifest {name}")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except UNREADABLE:
        raise FlawError(Flaw("foreign", name, "holds no manifest")) from None
    reads = due(manifest)
    found = SegmentRead(
        name=name,
        head=Head(manifest.number, digest, manifest.total),
        manifest=manifest.without_ids(),
        ids=manifest.ids if reads else (),
        reproduced=not reads or igzip.compress(text, LEVEL, mtime=0) == content,
        named=manifest.earlier,
        names_next=named_after(manifest),
    )
    if manifest.number != number:
        found.flaws.append(
            Flaw("reordered", name, f"is the manifest of segment {manifest.number} under another number")
        )
    if manifest.data != data_name(manifest.number, manifest.sha256):
        found.flaws.append(Flaw("damaged", name, "names a data file that cannot be its own"))
        return found
    if not reads:
        return found
    try:
        flaws, events = _check_events(manifest, fetch(store, folder, manifest.data))
        found.flaws += flaws
        found.events = events
    except FlawError as error:
        found.flaws.append(error.flaw)
    return found


def check_unclaimed(store: Store, folder: str, name: str) -> None:
    """Check a data file that no manifest names against its own name.

    :raises FlawError: it is not what was written.
    """
    digest = hashlib.sha256(fetch(store, folder, name)).hexdigest()
    if digest[:DIGEST_SHOWN] != name[13 : 13 + DIGEST_SHOWN]:
        raise FlawError(Flaw("damaged", name, "is not what was written (its digest differs from its name)", digest))


def fetch(store: Store, folder: str, name: str) -> bytes:
    """Return a file of a folder.

    :raises FlawError: it is missing, or the store does not answer.
    """
    key = f"{folder}/{name}" if folder else name
    try:
        check_key(key)
    except ConfigurationError:
        raise FlawError(Flaw("foreign", name, "has a name that no spool gives")) from None
    try:
        return store.get(key)
    except SpoolDamagedError:
        raise FlawError(Flaw("missing", name, "is missing")) from None
    except UnavailableError as error:
        raise FlawError(Flaw("unread", name, f"could not be read: {error}")) from None


def _check_events(manifest: Manifest, content: bytes) -> tuple[list[Flaw], list[Event]]:
    name = manifest.data
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.sha256:
        size = len(content)
        cut = f"{size} bytes of {manifest.bytes}" if size != manifest.bytes else "its digest differs"
        raise FlawError(Flaw("damaged", name, f"is not what was written ({cut})", digest))
    # The digest proves that the file is as it was written, so any flaw from here on was written too.
    plain = _plain(content, name)
    try:
        events = decode_events(plain)
    except UNREADABLE:
        raise FlawError(Flaw("damaged", name, "holds a line that is no event")) from None
    flaws = []
    if tuple(event.id for event in events) != manifest.ids:
        flaws.append(Flaw("damaged", name, "holds other ids than its manifest says"))
    said = (manifest.events, manifest.bytes, manifest.raw_bytes)
    if (len(events), len(content), len(plain)) != said:
        flaws.append(
            Flaw(
                "total",
                name,
                f"holds {len(events)} events in {len(content)} bytes ({len(plain)} decompressed), but its manifest "
                f"says {said[0]} in {said[1]} ({said[2]})",
            )
        )
    times = [event.time for event in events]
    if times and (min(times), max(times)) != (manifest.first_time, manifest.last_time):
        flaws.append(Flaw("total", name, "holds other times of events than its manifest says"))
    return flaws, events


def _plain(content: bytes, name: str) -> bytes:
    """Return the content of a file that must be exactly one gzip member."""
    inflater = isal_zlib.decompressobj(GZIP)
    try:
        plain: bytes = inflater.decompress(content, MOST_BYTES)
    except isal_zlib.error:  # type: ignore[misc]
        raise FlawError(Flaw("damaged", name, "is not what was written (it cannot be decompressed)")) from None
    if not inflater.eof:
        wrong = "holds more than a segment can" if len(plain) >= MOST_BYTES else "is cut short"
        raise FlawError(Flaw("damaged", name, wrong))
    if inflater.unused_data:
        raise FlawError(Flaw("damaged", name, f"has {len(inflater.unused_data)} bytes behind its end"))
    return plain
