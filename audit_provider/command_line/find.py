"""``audit-logs find``: an event in the spool, and what became of it at each destination."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.command_line.verify import NOT_CHECKED, described, ledger_of, store_at, without_log, writing
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.model import Fields, Window, lasting, text_of
from audit_provider.core.runs.arguments import moment_from, origin_of
from audit_provider.core.runs.event_search import FoundEvent, Wanted, search
from audit_provider.core.runs.event_story import Fate, destinations_of, fates
from audit_provider.core.runs.proving import Evidence
from audit_provider.core.spool.segment import digest_of_line
from audit_provider.core.times import FAR_AHEAD

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.runs.proving import KeptCheckpoint

NOT_FOUND = 1
"""Exit code where no kept segment holds such an event."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Story:
    """One event, as it is shown and kept as JSON."""

    found: FoundEvent
    fates: list[Fate]
    links: Mapping[str, str]
    checkpoint: KeptCheckpoint | None

    def lines(self) -> Iterator[str]:
        """Yield the lines that are printed."""
        found, event, manifest = self.found, self.found.event, self.found.manifest
        yield f"{event.id} of {found.name.pipeline}"
        what = found.fields.get("action", "")
        who = found.fields.get("actor_email") or found.fields.get("actor_name") or found.fields.get("actor_id", "")
        yield from _row("happened", text_of(event.time), f"{what}{' by ' if what and who else ''}{who}")
        delay = manifest.written_at - event.time
        late = f"{lasting(delay.total_seconds())} after it happened" if delay >= timedelta(0) else _ahead(-delay)
        recorded = f", recorded {found.fields['recorded']}" if found.fields.get("recorded") else ""
        yield from _row("spooled", text_of(manifest.written_at), f"{late}{recorded}")
        chain = f"{found.name.folder}/{found.chain}".rstrip("/")
        yield from _row("segment", f"{found.head.number} of {chain}", f"event {found.index + 1} of {manifest.events:,}")
        yield from _row("chain", f"place {found.place + 1:,}", _proof(found))
        yield from _row("digest", f"sha256:{digest_of_line(event)}", "")
        yield from _row("checkpoint", *self._covered())
        for fate in self.fates:
            yield from _row(fate.destination, fate.state, _words(fate))
            if link := self.links.get(fate.destination):
                yield from _row("", link, "")

    def _covered(self) -> tuple[str, str]:
        kept = self.checkpoint
        if kept is None:
            return "none", "the next report makes one when the last is an hour old"
        signed = "signed" if kept.signed else "not signed"
        return f"of {text_of(kept.time)}", f"with {kept.size:,} events, {signed}"

    def as_json(self) -> dict[str, Any]:
        """Return what is kept as JSON."""
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


def run_find(options: argparse.Namespace) -> int:
    """Search, print what is found, and return the exit code."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            wanted = _wanted(options)
            store, ledger = store_at(options.spool), ledger_of(options)
            with without_log():
                known = _fields_by(options)
                found = search(ledger, store, wanted, pipeline=options.pipeline, fields=known)
                some = list(islice(found, options.most + 1))
            evidence = functools.cache(functools.partial(Evidence.of, ledger, store))
            with without_log():
                stories = [_story(ledger, each, evidence(each.name.pipeline)) for each in some[: options.most]]
        with writing(options.json) as file:
            if file:
                file.write(msgspec.json.encode([each.as_json() for each in stories]).decode())
    except (AuditError, OSError) as error:
        said = error if isinstance(error, AuditError) else f"a file cannot be used ({error}): check its disk."
        sys.stderr.write(f"{said}\nResult: could not be searched\n")
        return NOT_CHECKED
    for story in stories:
        if options.record:
            sys.stdout.write(f"{bytes(story.found.event.raw).decode(errors='replace')}\n")
            continue
        sys.stdout.write("".join(f"{line}\n" for line in story.lines()))
    if len(some) > options.most:
        sys.stderr.write(f"there are more: name a shorter time, or raise --most above {options.most}\n")
    if not stories:
        sys.stderr.write("no kept segment of the spool holds such an event\n")
        return NOT_FOUND
    return 0


def _wanted(options: argparse.Namespace) -> Wanted:
    start = moment_from(options.start, "--from") if options.start else None
    end = moment_from(options.end, "--to") if options.end else None
    if start and end and not start < end:
        raise ConfigurationError("--from must be before --to.")
    wanted = Wanted(options.id or "", options.actor, options.action, options.text, start, end)
    if wanted == Wanted():
        raise ConfigurationError("name an event's id, or at least one of --actor, --action, --text, --from and --to.")
    if options.most < 1:
        raise ConfigurationError("--most must be at least 1.")
    return wanted


def _story(ledger: Ledger, found: FoundEvent, evidence: Evidence) -> Story:
    pipeline = described(found.name.pipeline)
    deliveries = destinations_of(found, pipeline.destinations if pipeline else {})
    source = pipeline.source if pipeline else None
    became = [_narrowed(each, found, evidence) for each in fates(ledger, found, deliveries, source)]
    links = {each.destination: _link(pipeline, found, each) for each in became} if pipeline else {}
    return Story(found, became, links, evidence.covering(found))


def _narrowed(fate: Fate, found: FoundEvent, evidence: Evidence) -> Fate:
    """Return a fate with the times between which checkpoints say that the destination passed the event."""
    if fate.state not in ("delivered", "filtered") or fate.after is None:
        return fate
    after, until = evidence.passing(found, fate.destination)
    until = min(filter(None, (fate.until, until)), default=None)
    return replace(fate, after=max(fate.after, after or fate.after), until=until)


def _link(pipeline: Pipeline, found: FoundEvent, fate: Fate) -> str:
    """Return the page on which people see an event at its destination; "" where it is not known."""
    from audit_provider.operators import SHIP_OPERATORS

    delivery = pipeline.destinations.get(fate.destination)
    if delivery is None or fate.state not in ("delivered", "redriven"):
        return ""
    times = Window(found.event.time, found.event.time + _SECOND)
    with contextlib.suppress(AuditError, OverflowError):
        origin = origin_of(found.name.pipeline, pipeline.source, found.position)
        return SHIP_OPERATORS[delivery.type].link(delivery, origin, times)
    return ""


def _fields_by(options: argparse.Namespace) -> Callable[[str], Fields | None]:
    """Return what says where the records of a pipeline keep common values: those of the source that is named."""
    if not options.source:
        return fields_of
    from audit_provider.core.pipeline import source_from

    own = source_from("--source", options.source).fields
    return lambda _: own


def fields_of(name: str) -> Fields | None:
    """Return where the records of a pipeline's source keep common values; None where the file does not have it."""
    pipeline = described(name)
    return pipeline.spec.fields if pipeline else None


def _proof(found: FoundEvent) -> str:
    if found.is_proven:
        return "by Airflow's record of the stream"
    if found.position is not None:
        return "in a chain that ended; no record proves it"
    return "by the newest manifest: no record of Airflow's was asked, or there is none"


def _ahead(early: timedelta) -> str:
    far = ", more than a year" if early > FAR_AHEAD else ""
    return f"{lasting(early.total_seconds())} before the time that it says{far}"


def _words(fate: Fate) -> str:
    times = ""
    if fate.after and fate.until and fate.after != fate.until:
        times = f"between {_moment(fate.after)} and {_moment(fate.until)}"
    elif fate.until:
        times = f"at {_moment(fate.until)}"
    elif fate.after:
        times = f"since {_moment(fate.after)}"
    return "; ".join(filter(None, (times, fate.reason, fate.there)))


def _moment(when: datetime) -> str:
    return text_of(when)


def _row(name: str, first: str, second: str) -> Iterator[str]:
    yield f"  {name:<12}  {first}{f'  {second}' if second else ''}".rstrip()
