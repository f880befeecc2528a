"""``audit-logs prove`` and ``audit-logs check-proof``: one event's proof, made and checked."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from audit_provider.command_line.find import fields_of
from audit_provider.command_line.verify import NOT_CHECKED, key_text, ledger_of, store_at, without_log
from audit_provider.core.errors import AuditError, ConfigurationError, ProtocolError
from audit_provider.core.runs.event_search import Wanted, search
from audit_provider.core.runs.proving import Evidence, prove
from audit_provider.core.transparency.checkpoint import EventProof
from audit_provider.core.transparency.witness import verifier_of

if TYPE_CHECKING:
    import argparse

NOT_PROVEN = 1
"""Exit code where there is no such event, or a proof proves nothing."""


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
    """Return the proof of the event that is named; None where no kept segment holds it."""
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
