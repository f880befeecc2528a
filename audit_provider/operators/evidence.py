"""Evidence for people: the story of one event, and the pack of a time range as one signed file."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import AuditError
from audit_provider.core.model import Window
from audit_provider.core.runs.applied_filters import DELIVERED_OR_FILTERED
from audit_provider.core.runs.arguments import origin_of
from audit_provider.core.runs.calendar import Calendar, span_of
from audit_provider.core.runs.event_search import FoundEvent
from audit_provider.core.runs.event_story import Fate, destinations_of, fates
from audit_provider.core.runs.evidence_pack import PackFacts, collect, files_of, notes_of
from audit_provider.core.runs.evidence_page import page_of_pack
from audit_provider.core.runs.recorded import calendar_faults, entry_faults, recorded_offsets, recorded_progress
from audit_provider.core.spool.segment import digest_of_line
from audit_provider.core.transparency.checkpoint import signed
from audit_provider.core.transparency.witness import Signer
from audit_provider.core.verification import Verification, streams_in, verify
from audit_provider.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from audit_provider.core.ledger.records import Ledger
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.runs.proving import Evidence, KeptCheckpoint
    from audit_provider.core.spool import Store

_SECOND = timedelta(seconds=1)

_STAMP = (1980, 1, 1, 0, 0, 0)
"""Modification time of every file in a pack, so that the same evidence gives the same bytes."""

_READ_ME = """\
This is the evidence of one pipeline and one time range, made by audit_provider.

index.html           for people; print it, or open it in any browser
evidence.json        the same and more, for machines
verification.json    what reading the spool again has found
calendar.json        which days the last scheduled verification calls proven, and why not the others
checkpoints.txt      signed checkpoints, one after another (https://c2sp.org/tlog-checkpoint)
spool/               the manifests of every segment with events of the range, byte for byte{events}
public_keys.txt      the keys that sign now; get them from the owner on another way too
SHA256SUMS           of every file above
signature.txt        SHA256SUMS as a signed note (https://c2sp.org/signed-note)

To check it:
1. sha256sum --check SHA256SUMS
2. The text of signature.txt, up to the empty line, is 'audit_provider.pack/1' followed by the lines of SHA256SUMS.
   Its signature is Ed25519 over that text, with a key of public_keys.txt.
3. Compare checkpoints.txt with checkpoints that you got on another way: the same name and size must have the same root.
4. With the spool at hand: audit-logs verify --checkpoints checkpoints.txt --key KEY
"""


@dataclass(frozen=True, slots=True)
class Story:
    """One event and what became of it, as it is shown and written as JSON.

    :ivar links: by destination, the page that shows the event there.
    :ivar checkpoint: the checkpoint that covers it; None if there is none yet.
    """

    found: FoundEvent
    fates: list[Fate]
    links: Mapping[str, str]
    checkpoint: KeptCheckpoint | None

    @property
    def chain(self) -> str:
        """The folder of the chain of segments."""
        return f"{self.found.name.folder}/{self.found.chain}".rstrip("/")

    def as_json(self) -> dict[str, Any]:
        """Return the story as JSON data."""
        found, manifest = self.found, self.found.manifest
        return {
            "id": found.event.id,
            "pipeline": found.name.pipeline,
            "stream": found.name.folder,
            "chain": found.chain,
            "happened": found.event.time,
            "spooled": manifest.written_at,
            "fields": dict(found.fields),
            "segment": found.head.number,
            "manifest_sha256": found.head.digest,
            "segment_sha256": manifest.sha256,
            "index": found.index,
            "place": found.place,
            "sha256": digest_of_line(found.event),
            "proven": found.is_proven,
            "checkpoint": self.checkpoint.checkpoint if self.checkpoint else None,
            "destinations": [
                {**msgspec.to_builtins(each), "link": self.links.get(each.destination, "")} for each in self.fates
            ],
        }


def story_of(ledger: Ledger, found: FoundEvent, evidence: Evidence, pipeline: Pipeline | None) -> Story:
    """Return the story of an event that was found.

    :param evidence: the checkpoints of its pipeline.
    :param pipeline: as in the pipelines file; None if the file does not have it.
    :raises AuditError: the spool or a record cannot be read.
    """
    deliveries = destinations_of(found, pipeline.destinations if pipeline else {})
    source = pipeline.source if pipeline else None
    became = [_narrowed(each, found, evidence) for each in fates(ledger, found, deliveries, source, evidence)]
    links = {each.destination: _link(pipeline, found, each) for each in became} if pipeline else {}
    return Story(found, became, links, evidence.covering(found))


def _narrowed(fate: Fate, found: FoundEvent, evidence: Evidence) -> Fate:
    """Narrow a fate's times to those between which, by the checkpoints, the destination passed the event."""
    if fate.state not in ("delivered", "filtered", DELIVERED_OR_FILTERED) or fate.after is None:
        return fate
    after, until = evidence.passing(found, fate.destination)
    until = min(filter(None, (fate.until, until)), default=None)
    return replace(fate, after=max(fate.after, after or fate.after), until=until)


def _link(pipeline: Pipeline, found: FoundEvent, fate: Fate) -> str:
    """Return the page that shows an event at its destination; "" if it is not known."""
    from audit_provider.operators import SHIP_OPERATORS

    delivery = pipeline.destinations.get(fate.destination)
    if delivery is None or fate.state not in ("delivered", "redriven"):
        return ""
    times = Window(found.event.time, found.event.time + _SECOND)
    with contextlib.suppress(AuditError, OverflowError):
        origin = origin_of(found.name.pipeline, pipeline.source, found.position)
        return SHIP_OPERATORS[delivery.type].link(delivery, origin, times)
    return ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack. :ivar facts: its content. :ivar verification: result for the spool. :ivar content: the zip file."""

    facts: PackFacts
    verification: Verification
    content: bytes


def make_pack(
    ledger: Ledger, store: Store, pipeline: Pipeline, wanted: Window, *, now: datetime, events: bool = False
) -> Pack:
    """Verify the spool of a pipeline, and return the evidence of a time range as one file.

    :param now: aware UTC. :param events: whether the pack contains the events themselves.
    :raises AuditError: the spool, a record or the key cannot be read.
    """
    # Imported here because the story of an event needs no Airflow.
    from audit_provider.hooks.checkpoint_key import signer

    streams, known = streams_in(store, pipeline.name), list(pipeline.destinations)
    verification = verify(
        store,
        pipeline=pipeline.name,
        progress=recorded_progress(ledger, store, streams, known),
        offsets_alone=recorded_offsets(ledger, store, streams, known),
    )
    beside = (*entry_faults(ledger, store, pipeline.name), *calendar_faults(ledger, store, pipeline.name))
    verification = replace(verification, faults=(*verification.faults, *beside))
    facts = collect(ledger, store, pipeline, wanted, made_at=now, version=__version__)
    calendar = _within(Calendar.load(store, pipeline.name), wanted)
    who = signer()
    name = f"{who.name}/pack/{pipeline.name}"
    keys = "".join(f"{each.public.verifier(name)}\n" for each in who.keys)
    sentence = (
        f"The pack is signed as {name} with the public key {' and '.join(str(each.public) for each in who.keys)}."
        if who.keys
        else "The pack is not signed, for Airflow's settings name no key ([audit_logs] checkpoint_conn_id)."
    )
    also = ", and their events" if events else ""
    files = [
        ("index.html", page_of_pack(facts, verification, calendar, sentence).encode()),
        ("evidence.json", facts.as_json()),
        ("verification.json", verification.as_json()),
        ("calendar.json", msgspec.json.format(calendar.content(), indent=2) + b"\n"),
        ("checkpoints.txt", "".join(notes_of(facts)).encode()),
        ("public_keys.txt", keys.encode()),
        ("README.txt", _READ_ME.format(events=also).encode()),
        *files_of(facts, store, events=events),
    ]
    return Pack(facts, verification, _zip(files, who, name))


def _within(calendar: Calendar, wanted: Window) -> Calendar:
    """Return a calendar with only the days of a time range."""
    days = {
        day: each
        for day, each in sorted(calendar.days.items())
        if span_of(day).start < wanted.end and wanted.start < span_of(day).end
    }
    return msgspec.structs.replace(calendar, days=days)


def _zip(files: Iterable[tuple[str, bytes]], who: Signer, name: str) -> bytes:
    """Return a zip of files, with their digests and a signature over the digests."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as pack:

        def put(path: str, content: bytes) -> None:
            pack.writestr(zipfile.ZipInfo(path, _STAMP), content, zipfile.ZIP_DEFLATED)

        sums = ""
        for path, content in files:
            sums += f"{hashlib.sha256(content).hexdigest()}  {path}\n"
            put(path, content)
        put("SHA256SUMS", sums.encode())
        put("signature.txt", str(signed(f"audit_provider.pack/1\n{sums}", name, who.keys)).encode())
    return packed.getvalue()
