"""``audit-logs find``, ``prove``, ``check-proof``, ``evidence``: what the spool proves of an event or a time range."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from audit_provider.command_line.against import described
from audit_provider.command_line.verify import (
    NOT_CHECKED,
    key_text,
    ledger_of,
    store_at,
    without_log,
    writing,
)
from audit_provider.core.errors import AuditError, ConfigurationError, ProtocolError
from audit_provider.core.model import Fields, Window, lasting, text_of, utc_now
from audit_provider.core.records.times import FAR_AHEAD
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.runs.event_search import FoundEvent, Wanted, search
from audit_provider.core.runs.event_story import Fate
from audit_provider.core.runs.proving import Evidence, prove
from audit_provider.core.spool.segment import digest_of_line
from audit_provider.core.text.validation import near
from audit_provider.core.transparency.checkpoint import EventProof
from audit_provider.core.transparency.witness import verifier_of

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from audit_provider.operators.evidence import Pack, Story

NOT_FOUND = 1
"""Exit code if no stored segment holds such an event."""

NOT_PROVEN = 1
"""Exit code if there is no such event, or if a proof is not valid."""


def run_find(options: argparse.Namespace) -> int:
    """Search, print the result, and return the exit code."""
    # Imported here because the other commands do not need it.
    from audit_provider.operators.evidence import story_of

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
    """Yield the lines to print."""
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
    """Return a function that says where a pipeline's records keep common values; ``--source`` overrides it."""
    if not options.source:
        return fields_of
    from audit_provider.core.pipeline import source_from

    own = source_from("--source", options.source).fields
    return lambda _: own


def fields_of(name: str) -> Fields | None:
    """Return where the records of a pipeline's source keep common values; None if the file has no such pipeline."""
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


def run_prove(options: argparse.Namespace) -> int:
    """Write the proof of an event, and return the exit code."""
    try:
        with contextlib.redirect_stdout(sys.stderr), without_log():
            proof = _made(options)
        if proof is None:
            sys.stderr.write(f"no kept segment of the spool holds {options.id}\n")
            return NOT_PROVEN
        if options.output is None:
            sys.stdout.write(proof.as_json().decode())
        else:
            options.output.write_bytes(proof.as_json())
    except (AuditError, OSError) as error:
        said = error if isinstance(error, AuditError) else f"a file cannot be used ({error}): check its disk."
        sys.stderr.write(f"{said}\nResult: no proof was made\n")
        return NOT_CHECKED
    return 0


def _made(options: argparse.Namespace) -> EventProof | None:
    """Return the proof of the wanted event; None if no stored segment holds it."""
    store, ledger = store_at(options.spool), ledger_of(options)
    met = search(ledger, store, Wanted(options.id), pipeline=options.pipeline, fields=fields_of)
    found = [each for each in met if each.event.id == options.id and options.stream in ("", each.name.folder)]
    if len(found) > 1:
        streams = ", ".join(dict.fromkeys(each.name.folder for each in found))
        raise ConfigurationError(f"{len(found)} events have the id {options.id}, in {streams}: name one with --stream.")
    if not found:
        return None
    return prove(store, found[0], Evidence(ledger, store, found[0].name.pipeline))


def run_check_proof(options: argparse.Namespace) -> int:
    """Check a proof, print what it proves, and return the exit code."""
    try:
        keys = [verifier_of(key_text(each)) for each in options.key]
        content = options.file.read_bytes()
    except (AuditError, OSError) as error:
        said = error if isinstance(error, AuditError) else f"{options.file} cannot be read ({error.strerror})."
        sys.stderr.write(f"{said}\nResult: could not be checked\n")
        return NOT_CHECKED
    try:
        proof = EventProof.of_json(content)
        checkpoint, signers = proof.check(keys)
        event = proof.event
    except ProtocolError as error:
        sys.stderr.write(f"{error}\nResult: not proven\n")
        return NOT_PROVEN
    lines = [
        f"event       {event.get('id')}",
        f"happened    {event.get('time')}",
        f"log         {checkpoint.origin}",
        f"place       {proof.place + 1:,} of {checkpoint.size:,}",
        f"root        {checkpoint.root.hex()}",
        *(f"signed by   {each}" for each in signers),
    ]
    if not keys:
        lines.append("signed by   not checked: give --key, or compare the checkpoint with one that was kept elsewhere")
    sys.stdout.write("".join(f"{line}\n" for line in [*lines, "Result: proven"]))
    return 0


def run_evidence(options: argparse.Namespace) -> int:
    """Write the pack, print its content, and return the exit code."""
    try:
        with contextlib.redirect_stdout(sys.stderr), without_log():
            pack = _packed(options)
        options.output.write_bytes(pack.content)
    except (AuditError, OSError) as error:
        said = error if isinstance(error, AuditError) else f"a file cannot be used ({error}): check its disk."
        sys.stderr.write(f"{said}\nResult: no pack was made\n")
        return NOT_CHECKED
    facts, verification = pack.facts, pack.verification
    events = sum(day.events for day in facts.days.values())
    sys.stdout.write(
        f"{options.output}: {events:,} events in {len(facts.segments):,} segments, {len(facts.checkpoints):,} "
        f"checkpoints, {len(facts.gaps):,} gaps, {len(facts.letters):,} dead letters; the spool is "
        f"{verification.result}\n"
    )
    return verification.exit_code


def _packed(options: argparse.Namespace) -> Pack:
    # Imported here because this imports Airflow, and the other commands work without it.
    from audit_provider.host.pipelines import load_pipelines
    from audit_provider.host.settings import beside_dags
    from audit_provider.operators.evidence import make_pack
    from audit_provider.state import Variables

    pipelines = load_pipelines(beside_dags(), options.pipelines)
    pipeline = pipelines.get(options.pipeline)
    if pipeline is None:
        raise ConfigurationError(f"there is no pipeline {options.pipeline!r}{near(options.pipeline, pipelines)}.")
    start, end = moment_from(options.start, "--from"), moment_from(options.end, "--to")
    if not start < end:
        raise ConfigurationError("--from must be before --to.")
    store = store_at(options.spool)
    return make_pack(Variables(), store, pipeline, Window(start, end), now=utc_now(), events=options.events)
