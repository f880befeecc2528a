"""``audit-logs evidence``: a time range of a pipeline as one signed file, for people and for machines."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from audit_provider.command_line.verify import NOT_CHECKED, store_at, without_log
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.model import Window, utc_now
from audit_provider.core.runs.arguments import moment_from
from audit_provider.core.validation import near

if TYPE_CHECKING:
    import argparse

    from audit_provider.operators.packs import Pack


def run_evidence(options: argparse.Namespace) -> int:
    """Write the pack, say what is in it, and return the exit code."""
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
    # Here, since the other commands work without Airflow, and this imports it.
    from audit_provider.dags.pipelines import load_pipelines
    from audit_provider.host.settings import beside_dags
    from audit_provider.operators.packs import make_pack
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
