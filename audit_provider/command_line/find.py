"""``audit-logs find``: an event in the spool, and what became of it at each destination."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from audit_provider.command_line.verify import NOT_CHECKED, described, ledger_of, store_at, without_log, writing
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.model import Fields, lasting, text_of
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.runs.event_search import FoundEvent, Wanted, search
from audit_provider.core.runs.event_story import Fate
from audit_provider.core.runs.proving import Evidence
from audit_provider.core.spool.segment import digest_of_line
from audit_provider.core.times import FAR_AHEAD
from audit_provider.operators.stories import Story, story_of

if TYPE_CHECKING:
    import argparse
    from datetime import datetime


NOT_FOUND = 1
"""Exit code where no kept segment holds such an event."""


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
            evidence = functools.cache(functools.partial(Evidence, ledger, store))
            with without_log():
                stories = [
                    story_of(ledger, each, evidence(each.name.pipeline), described(each.name.pipeline))
                    for each in some[: options.most]
                ]
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
        sys.stdout.write("".join(f"{line}\n" for line in _lines(story)))
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


def _lines(story: Story) -> Iterator[str]:
    """Yield the lines that are printed."""
    found, event, manifest = story.found, story.found.event, story.found.manifest
    yield f"{event.id} of {found.name.pipeline}"
    what = found.fields.get("action", "")
    who = found.fields.get("actor_email") or found.fields.get("actor_name") or found.fields.get("actor_id", "")
    yield from _row("happened", text_of(event.time), f"{what}{' by ' if what and who else ''}{who}")
    delay = manifest.written_at - event.time
    late = f"{lasting(delay.total_seconds())} after it happened" if delay >= timedelta(0) else _ahead(-delay)
    recorded = f", recorded {found.fields['recorded']}" if found.fields.get("recorded") else ""
    yield from _row("spooled", text_of(manifest.written_at), f"{late}{recorded}")
    yield from _row(
        "segment", f"{found.head.number} of {story.chain}", f"event {found.index + 1} of {manifest.events:,}"
    )
    yield from _row("chain", f"place {found.place + 1:,}", _proof(found))
    yield from _row("digest", f"sha256:{digest_of_line(event)}", "")
    yield from _row("checkpoint", *_covered(story))
    for fate in story.fates:
        yield from _row(fate.destination, fate.state, _words(fate))
        if link := story.links.get(fate.destination):
            yield from _row("", link, "")


def _covered(story: Story) -> tuple[str, str]:
    kept = story.checkpoint
    if kept is None:
        return "none", "the next report makes one when the last is an hour old"
    signed = "signed" if kept.signed else "not signed"
    return f"of {text_of(kept.time)}", f"with {kept.size:,} events, {signed}"


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
