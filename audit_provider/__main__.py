"""``audit-logs``, also ``python -m audit_provider``: DAG files, destinations and the spool from a terminal."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from audit_provider.command_line.evidence import run_check_proof, run_evidence, run_find, run_prove
from audit_provider.command_line.parser import parser
from audit_provider.command_line.verify import run_verify, store_at
from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.model import text_of
from audit_provider.core.spool import Stream
from audit_provider.core.streams.unreadable import FOLDER, UnreadableRecords
from audit_provider.core.text.siem_config import PLACEHOLDER, Converted, destinations_from
from audit_provider.core.verification import streams_in

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from audit_provider.core.pipeline import Pipeline
    from audit_provider.core.runs.left_behind import LeftBehind
    from audit_provider.core.spool import Store
    from audit_provider.core.streams.unreadable import UnreadableRecord

_PACKAGE = Path(__file__).parent
_PLACES = (_PACKAGE / "dag_files", _PACKAGE.parent / "dags")
"""The folder of DAG files in an installed package, and in a checkout."""

NO_COMMAND = 2
"""Exit code if no command is given: the same as for any mistake in the arguments."""

_WITH_CODES = {
    "verify": run_verify,
    "find": run_find,
    "prove": run_prove,
    "check-proof": run_check_proof,
    "evidence": run_evidence,
}
"""Commands that return the exit code themselves."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the command line.

    :return: 0 if the command succeeded, 1 if it failed; then one sentence is printed that says why. The commands that
        search, verify and prove have their own exit codes.
    """
    described = parser()
    options = described.parse_args(arguments)
    if options.command is None:
        described.print_help(sys.stderr)
        return NO_COMMAND
    # Outside of a task, Airflow reads Variables and connections from its database only if this is set.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    if run := _WITH_CODES.get(options.command):
        return run(options)
    try:
        commands = {
            "check": _check,
            "destinations": _list,
            "gaps": _gaps,
            "test-event": _test,
            "convert-siem-config": _convert,
            "dag-files": _dag_files,
            "unreadable": _unreadable,
        }
        if options.command == "try":
            return 0 if _try(options) else 1
        commands[options.command](options)
    except AuditError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _try(options: argparse.Namespace) -> bool:
    from audit_provider.command_line.connections import trial
    from audit_provider.core.sources import REGISTRY

    needs_file = options.pipelines is not None or options.source not in REGISTRY
    lines, is_as_described = trial(options, _pipelines(options) if needs_file else {})
    for line in lines:
        print(line)
    return is_as_described


def _check(options: argparse.Namespace) -> None:
    from audit_provider.dags.tasks import mistakes_in_pipelines
    from audit_provider.host.settings import beside_dags

    mistakes_in_pipelines(beside_dags(), options.pipelines)
    found = _pipelines(options)
    if options.connections or options.reach:
        from audit_provider.command_line.connections import connection_mistakes, reached

        if lines := list(connection_mistakes(found.values())):
            raise ConfigurationError("\n".join(["Connections:", *(f"  {line}" for line in lines)]))
        if options.reach:
            answers = reached(found.values())
            for answer in answers:
                print(f"{answer.path}: {answer.said}", file=sys.stdout if answer.ok else sys.stderr)
            if failed := sum(not answer.ok for answer in answers):
                raise ConfigurationError(f"{failed} of {len(answers)} connections do not work as they are set.")
    for each in found.values():
        print(f"{each.name}: {each.spec.title} to {', '.join(each.destinations)}{_manner(each)}")
    print(_counted(len(found), "pipeline"))
    for left in _left_behind(found):
        print(left)


def _manner(pipeline: Pipeline) -> str:
    """Return a remark for the table: whether the pipeline is watched; "" if only its schedule starts runs."""
    from audit_provider.core.sources.watched import time_between_looks

    if not pipeline.watch:
        return ""
    return f"; watched, every {time_between_looks(pipeline.spec).total_seconds():.0f} s"


def _left_behind(pipelines: Mapping[str, Pipeline]) -> list[LeftBehind]:
    """Return what is left under names that are not in the pipelines file; empty if the spool or Airflow fails."""
    from audit_provider.core.runs.left_behind import left_in_spool
    from audit_provider.host.settings import spool_uri
    from audit_provider.host.spool_location import open_store
    from audit_provider.state import Variables

    known = {name: list(each.destinations) for name, each in pipelines.items()}
    try:
        return left_in_spool(Variables(), open_store(spool_uri()), known)
    except AuditError as error:
        sys.stderr.write(f"Pending events under other names in the spool could not be listed: {error}\n")
        return []


def _list(options: argparse.Namespace) -> None:
    from audit_provider.operators.siem_configurations import siem_configurations

    rows = [["pipeline", "name", "type", "enabled", "last success", "failures", "pending", "dead letters", "endpoint"]]
    for each in siem_configurations(_pipelines(options).values()):
        success = text_of(each.last_success) if each.last_success else "never"
        rows.append(
            [
                each.pipeline,
                each.name,
                each.type,
                "yes" if each.enabled else "no",
                success,
                str(each.failures_in_a_row),
                f"{each.pending:,}",
                f"{each.dead_letters:,}",
                each.endpoint,
            ]
        )
    # The last column may be a whole sentence, if the connection gives no address.
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)] + [0]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _gaps(options: argparse.Namespace) -> None:
    from audit_provider.core.runs.gap_records import acknowledge_gap, all_gaps
    from audit_provider.host.settings import spool_uri
    from audit_provider.host.spool_location import open_store
    from audit_provider.state import Variables

    pipelines = _pipelines(options)
    ledger, store = Variables(), open_store(spool_uri())
    found = all_gaps(ledger, store, pipelines.values())
    if options.acknowledge and not options.by.strip():
        raise ConfigurationError("nobody acknowledges these gaps: say who does it with --by NAME.")
    known = {each.id for each in found}
    still_open = {each.id: each for each in found if each.is_open}
    for gap_id in options.acknowledge:
        if gap_id not in known:
            raise ConfigurationError(f"there is no gap {gap_id!r}: list them without --acknowledge.")
    # Gaps that are acknowledged already are skipped, so that a command that was interrupted can be repeated.
    for gap_id in options.acknowledge:
        if gap := still_open.pop(gap_id, None):
            acknowledge_gap(ledger, store, pipelines[gap.pipeline], gap.id, by=options.by, note=options.note)
            print(f"{gap.id} of {gap.pipeline} is acknowledged by {options.by}")
        else:
            print(f"{gap_id} was acknowledged before")
    for gap in still_open.values():
        print(gap)
    print(_counted(len(still_open), "open gap"))


def _test(options: argparse.Namespace) -> None:
    from audit_provider.core.text.validation import near
    from audit_provider.operators.siem_configurations import send_test_event

    found = _pipelines(options)
    if options.pipeline not in found:
        raise ConfigurationError(f"there is no pipeline {options.pipeline!r}{near(options.pipeline, found)}.")
    print(send_test_event(found[options.pipeline], options.destination))


def _convert(options: argparse.Namespace) -> None:
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
        config = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{options.file} cannot be read as JSON ({type(error).__name__}).") from None
    if not isinstance(config, dict):
        raise ConfigurationError(f"{options.file} must contain one JSON object.")
    found = destinations_from(config)
    print("# under 'destinations' of a pipeline")
    print(yaml.safe_dump({each.name: each.entry for each in found}, sort_keys=False).rstrip())
    shown = "" if options.secrets else " (--secrets shows secrets)"
    print(f"# the connection{shown}" if len(found) == 1 else f"# the connections{shown}")
    for each in found:
        if each.lacks_credential:
            print(f"# {each.name}: the product's API does not show the credential; put it in place of {PLACEHOLDER}")
        print(_variable(each, secrets=options.secrets))


def _variable(converted: Converted, *, secrets: bool) -> str:
    """Return the shell line that sets the connection. :param secrets: show the secrets instead of ``***``."""
    connection: dict[str, Any] = dict(converted.connection)
    hidden = [] if converted.lacks_credential else ["password"]
    hidden += ["host"] if connection.get("extra", {}).get("secret_url") else []
    if not secrets:
        connection |= {key: "***" for key in hidden if key in connection}
    return f"AIRFLOW_CONN_{converted.conn_id.upper().replace('-', '_')}={shlex.quote(json.dumps(connection))}"


def _dag_files(options: argparse.Namespace) -> None:
    for line in _copied(options.folder, replace=options.replace):
        print(line)


def _copied(folder: Path, *, replace: bool = False) -> Iterator[str]:
    """Copy the DAG files into a folder, and an example pipelines file if it has none; yield a line for each.

    :param replace: whether DAG files that differ are replaced. A pipelines file belongs to the user and is never
        replaced.
    :raises ConfigurationError: a DAG file differs, or the folder cannot be written.
    """
    found = next(place for place in _PLACES if place.is_dir())
    files = {path.name: path.read_bytes() for path in sorted(found.iterdir()) if path.suffix in (".py", ".yaml")}
    try:
        there = {name: (folder / name).read_bytes() for name in files if (folder / name).exists()}
        for name, content in files.items():
            if name.endswith(".py") and there.get(name, content) != content and not replace:
                raise ConfigurationError(
                    f"{folder / name} is not the file of this version: compare the files, then use --replace."
                )
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if there.get(name) == content or (name in there and name.endswith(".yaml")):
                yield f"kept     {folder / name}"
                continue
            (folder / name).write_bytes(content)
            yield f"written  {folder / name}"
    except OSError as error:
        raise ConfigurationError(f"the folder {folder} cannot be used ({error.strerror}): name another.") from None


def _unreadable(options: argparse.Namespace) -> None:
    """List the records that could not be read, or write one of them.

    :raises AuditError: the spool cannot be read. :raises ConfigurationError: there is no such record.
    """
    store = store_at(options.spool)
    count = 0
    for name, record in _unreadable_in(store, options.pipeline):
        if options.show is None:
            count += 1
            size = len(record.content)
            print(f"{text_of(record.found_at)}  {record.source}  {size:,} bytes  {record.reason}  {name}")
        elif options.show == name:
            sys.stdout.buffer.write(record.content)
            return
    if options.show is not None:
        raise ConfigurationError(f"there is no unreadable record {options.show!r}: list them without --show.")
    print(f"{count} unreadable record{'' if count == 1 else 's'}")


def _unreadable_in(store: Store, pipeline: str) -> Iterator[tuple[str, UnreadableRecord]]:
    for folder in streams_in(store, pipeline):
        for chain in ("", *store.folders(f"{folder}/")):
            if f"{chain}/" == FOLDER:
                continue
            for name, record in UnreadableRecords(Stream(store, folder, chain)).read():
                yield "/".join(filter(None, (folder, chain, name))), record


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _pipelines(options: argparse.Namespace) -> dict[str, Pipeline]:
    from audit_provider.host.pipelines import load_pipelines
    from audit_provider.host.settings import beside_dags

    return dict(load_pipelines(beside_dags(), options.pipelines))


if __name__ == "__main__":
    sys.exit(main())
