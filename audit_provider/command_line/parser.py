"""The arguments of ``audit-logs``, and its ``--help`` texts."""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from audit_provider.version import __version__

_ABOUT = """\
Pull audit logs of SaaS products into a spool, and ship them to SIEMs, with Apache Airflow.
Airflow's DAGs do the work. These commands set them up, show their state, and prove that
no event is lost. They read the pipelines file, Variables and connections of the Airflow
that is installed here (AIRFLOW_HOME)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    :ivar group: the heading under which it is listed. :ivar help: one line. :ivar about: the full description.
    :ivar examples: arguments, each with an explanation.
    """

    name: str
    group: str
    help: str
    about: str
    examples: tuple[tuple[str, str], ...]


COMMANDS = (
    Command(
        "dag-files",
        "set up",
        "copy the ready DAG files into Airflow's DAGs folder",
        "Copy the DAG files, and an example of a pipelines file if there is none. A pipelines file is never replaced.",
        (
            ('dag-files "$AIRFLOW_HOME/dags"', "the first time"),
            ('dag-files --replace "$AIRFLOW_HOME/dags"', "after an upgrade of this package"),
        ),
    ),
    Command(
        "check",
        "set up",
        "check the pipelines file, and name every mistake in it",
        "Read the pipelines file as the DAG processor does. Exits with 1 if it contains a mistake.",
        (
            ("check", "the file that Airflow uses"),
            ("check --pipelines pipelines.yaml", "a file that is not in use yet"),
            ("check --connections", "the connections that it names, too"),
            ("check --reach", "also ask every source and destination whether it answers as it should"),
        ),
    ),
    Command(
        "try",
        "set up",
        "read a little of a source, and compare it with its description",
        "Read a little of a source's log with a connection, and print what was seen: requests, order, page sizes, ids, "
        "times and their zones, the delay of the newest event, headers about the budget, unknown actions; and where "
        "that differs from the source's description. The report contains no event, and nothing is written. Exits with "
        "1 if something differs.",
        (
            ("try okta --connection okta_default --since 1h", "a source of this package"),
            ("try my_pipeline --since 1d", "the source and the connection of a pipeline in the pipelines file"),
        ),
    ),
    Command(
        "convert-siem-config",
        "set up",
        "turn a product's SIEM settings into a destination and a connection",
        "Print the destination for the pipelines file, and the connection as an environment variable.",
        (
            ("convert-siem-config siem.json", "secrets are shown as ***"),
            ("convert-siem-config --secrets -", "from standard input, with the secrets"),
        ),
    ),
    Command(
        "destinations",
        "look",
        "list every destination: last success, failures, pending events, dead letters",
        "List the destinations of every pipeline with last success, failures, pending events and open dead letters. "
        "Nothing is sent.",
        (("destinations", "of every pipeline"),),
    ),
    Command(
        "gaps",
        "look",
        "list the time ranges that could not be read or delivered, or acknowledge them",
        "List the gaps that nobody has acknowledged: time ranges whose events could not be read, came late, or were "
        "too old for a destination.",
        (
            ("gaps", "each with its id and its reason"),
            (
                'gaps --acknowledge 3f9c1a20b7de --by ann --note "ticket 4711"',
                "mark a gap as seen: it is no longer open",
            ),
        ),
    ),
    Command(
        "unreadable",
        "look",
        "list the records of sources that could not be read, or show one",
        "List the records of sources that could not be read. They are set aside in the spool; the rest of their pages "
        "was read.",
        (
            ("unreadable --pipeline slack", "of one pipeline"),
            ("unreadable --show NAME", "print the original bytes of one record, and nothing else"),
        ),
    ),
    Command(
        "find",
        "look",
        "find events in the spool, and show what became of them at each destination",
        "Find an event by its id, or events by who did what and when. Shows when it happened and was spooled, its "
        "segment and place in the chain, its digest, and for each destination whether it was delivered, filtered, set "
        "aside or is pending. Exits with 0 if something is found, 1 if no kept segment has it, 2 if the spool could "
        "not be searched.",
        (
            ("find 9f0c4b5e-7d52", "the event with this id, in every pipeline"),
            ("find --pipeline slack --actor ann@example.com --from 2026-11-28 --to 2026-11-29", "one person's day"),
            ("find --text 10.2.3.4 --action 'user.*' --record", "the vendor's records themselves"),
        ),
    ),
    Command(
        "prove",
        "prove",
        "write the proof of one event: its bytes, the path to a root, the checkpoint",
        "Write the proof that an event was in the spool when a checkpoint was made. It contains the event, and "
        "needs no other one to be checked. Exits with 0 if the proof is made, 1 if no kept segment has the event, 2 "
        "if no proof could be made.",
        (("prove 9f0c4b5e-7d52 -o proof.json", "of the event with this id"),),
    ),
    Command(
        "check-proof",
        "prove",
        "check the proof of one event, without the spool",
        "Check that the event in a proof leads to the root of its checkpoint, and that the key has signed that. "
        "Needs neither the spool nor Airflow's database. Exits with 0 if it is proven, 1 if not, 2 if it could not "
        "be checked.",
        (("check-proof proof.json --key key.pem", "with the public key, or its file"),),
    ),
    Command(
        "evidence",
        "prove",
        "write a time range of a pipeline as one signed file, for auditors",
        "Read the spool again, and write what is known of a pipeline's time range into one zip: a page for people, the "
        "same for machines, manifests, checkpoints. Contains no events unless --events is given. Exits with 0 if the "
        "spool has no faults, 1 if it has, 2 if no pack could be made.",
        (
            ("evidence --pipeline slack --from 2026-10-01 --to 2026-11-01 -o slack.zip", "of one month"),
            ("evidence --pipeline slack --from 2026-10-01 --to 2026-11-01 -o s.zip --events", "with the events"),
        ),
    ),
    Command(
        "test-event",
        "prove",
        "send one event, marked as a test, to a destination",
        "Send one test event to a destination of a pipeline. It does not go through the spool and moves no offset.",
        (("test-event pylon splunk", "of the pipeline 'pylon' to its destination 'splunk'"),),
    ),
    Command(
        "verify",
        "prove",
        "read the spool again, and prove that nothing is lost or changed",
        "Read every segment of the spool and check its digests, its chain and the account. With --against, also look "
        "for every event at a destination, in a bucket with its content. Exits with 0 if there are no faults, 1 if "
        "there are faults, 2 if it could not be checked.",
        (
            ("verify", "the spool of Airflow's settings"),
            ("verify copy --without-airflow", "a copy of the spool, on a machine without Airflow's database"),
            ("verify --pipeline slack --against s3://audit-logs/slack", "also look for every event in S3"),
            ("verify --checkpoints kept.txt --key key.pem", "compare with checkpoints that were kept elsewhere"),
        ),
    ),
)


def program() -> str:
    """Return the name by which this process was started."""
    return "python -m audit_provider" if Path(sys.argv[0]).name == "__main__.py" else "audit-logs"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    prog = program()
    groups: dict[str, list[Command]] = {}
    for command in COMMANDS:
        groups.setdefault(command.group, []).append(command)
    listed = [f"{group}:\n{_columns([(each.name, each.help) for each in found])}" for group, found in groups.items()]
    made = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} COMMAND ...",
        description="\n\n".join([_ABOUT, *listed]),
        epilog=f"'{prog} COMMAND --help' shows a command's arguments, with examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=__version__)
    commands = made.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    for each in COMMANDS:
        add = commands.add_parser(
            each.name,
            prog=f"{prog} {each.name}",
            description=textwrap.fill(each.about, 90),
            epilog=f"examples:\n{_columns([(f'{prog} {words}', does) for words, does in each.examples])}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _ARGUMENTS[each.name](add)
    return made


def _dag_files(add: argparse.ArgumentParser) -> None:
    add.add_argument("folder", type=Path, help="Airflow's DAGs folder, or one below it")
    add.add_argument("--replace", action="store_true", help="replace DAG files of another version")


def _pipelines(add: argparse.ArgumentParser) -> None:
    add.add_argument(
        "--pipelines", type=Path, metavar="FILE", help="pipelines file; default: the one of Airflow's settings"
    )


def _check(add: argparse.ArgumentParser) -> None:
    _pipelines(add)
    add.add_argument(
        "--connections",
        action="store_true",
        help="look at the connections too: each exists, has its type, and holds what it must; nothing is sent",
    )
    add.add_argument(
        "--reach",
        action="store_true",
        help="also test every source and destination, as the page's Test buttons do; no event is read or sent",
    )


def _try(add: argparse.ArgumentParser) -> None:
    _pipelines(add)
    add.add_argument("source", help="name of a source, or of a pipeline in the pipelines file")
    add.add_argument("--connection", metavar="ID", help="default: that of the pipeline, or <source>_default")
    add.add_argument("--since", default="1h", metavar="SPAN", help="how far back: 30m, 1h, 2d; default: 1h")
    add.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE", help="a setting of the source; may be repeated"
    )
    add.add_argument("--pages", type=int, default=20, metavar="N", help="at most so many of each log; default: 20")


def _gaps(add: argparse.ArgumentParser) -> None:
    _pipelines(add)
    add.add_argument("--acknowledge", metavar="ID", nargs="+", default=[], help="acknowledge these gaps; needs --by")
    add.add_argument("--by", default="", metavar="NAME", help="who acknowledges them")
    add.add_argument("--note", default="", metavar="TEXT", help="what was found out or done")


def _test_event(add: argparse.ArgumentParser) -> None:
    _pipelines(add)
    add.add_argument("pipeline", help="its name in the pipelines file")
    add.add_argument("destination", help="its name in the pipeline")


def _convert(add: argparse.ArgumentParser) -> None:
    add.add_argument("file", help="the settings as JSON; - for standard input")
    add.add_argument("--secrets", action="store_true", help="show the connection's secrets")


def _unreadable(add: argparse.ArgumentParser) -> None:
    add.add_argument("spool", nargs="?", help="folder or URI; default: that of Airflow's settings")
    add.add_argument("--pipeline", default="", metavar="NAME", help="only this one; default: all")
    add.add_argument("--show", metavar="NAME", help="print the original bytes of this record, and nothing else")


def _find(add: argparse.ArgumentParser) -> None:
    add.add_argument("id", nargs="?", help="the vendor's id of the event")
    add.add_argument("--actor", default="", metavar="NAME", help="id, e-mail address or name of who did it")
    add.add_argument("--action", default="", metavar="ACTION", help="what was done, or a pattern with *")
    add.add_argument("--text", default="", metavar="TEXT", help="stands anywhere in the vendor's record")
    add.add_argument("--from", dest="start", metavar="TIME", help="it happened at this time or later; UTC")
    add.add_argument("--to", dest="end", metavar="TIME", help="it happened before this time; UTC")
    add.add_argument("--pipeline", default="", metavar="NAME", help="only this one; default: all")
    add.add_argument("--spool", metavar="FOLDER", help="folder or URI; default: that of Airflow's settings")
    add.add_argument("--source", metavar="NAME", help="source of the pipeline; default: the one in Airflow's record")
    add.add_argument("--most", type=int, default=20, metavar="COUNT", help="show at most so many events; default: 20")
    add.add_argument("--record", action="store_true", help="print the vendor's records, and nothing else")
    add.add_argument("--json", type=Path, metavar="FILE", help="write what is found into this file, as JSON")
    _without_airflow(add)


def _prove(add: argparse.ArgumentParser) -> None:
    add.add_argument("id", help="the event's id, as 'find' shows it")
    add.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the proof here; default: standard output")
    add.add_argument("--pipeline", default="", metavar="NAME", help="only this one; default: all")
    add.add_argument("--stream", default="", metavar="FOLDER", help="only this stream, such as slack/live")
    add.add_argument("--spool", metavar="FOLDER", help="folder or URI; default: that of Airflow's settings")
    _without_airflow(add)


def _evidence(add: argparse.ArgumentParser) -> None:
    _pipelines(add)
    add.add_argument("--pipeline", required=True, metavar="NAME", help="its name in the pipelines file")
    add.add_argument("--from", dest="start", required=True, metavar="TIME", help="events of this time or later; UTC")
    add.add_argument("--to", dest="end", required=True, metavar="TIME", help="events before this time; UTC")
    add.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="write the zip here")
    add.add_argument("--events", action="store_true", help="also the events themselves")
    add.add_argument("--spool", metavar="FOLDER", help="folder or URI; default: that of Airflow's settings")


def _check_proof(add: argparse.ArgumentParser) -> None:
    add.add_argument("file", type=Path, help="the proof")
    _key(add)


def _key(add: argparse.ArgumentParser) -> None:
    add.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="public key of the log or of a witness that must have signed, or its file; may be given several times; "
        "default: none is checked",
    )


def _without_airflow(add: argparse.ArgumentParser) -> None:
    add.add_argument(
        "--without-airflow", action="store_true", help="do not use Airflow's records: the newest manifest is the head"
    )


def _verify(add: argparse.ArgumentParser) -> None:
    add.add_argument("spool", nargs="?", help="folder or URI; default: that of Airflow's settings")
    add.add_argument("--pipeline", default="", metavar="NAME", help="only this one; default: all")
    add.add_argument(
        "--against",
        metavar="WHERE",
        help="look for every id at a destination: s3://bucket/prefix, opensearch:<target> or https://host/<target>, "
        "each with ?conn_id=…; default connections: aws_default, elasticsearch_logs_default",
    )
    add.add_argument(
        "--destination",
        default="",
        metavar="NAME",
        help="destination's name, to distinguish set aside and pending events from missing ones",
    )
    add.add_argument("--source", metavar="NAME", help="source of the pipeline; default: the one in Airflow's record")
    add.add_argument("--id-at", metavar="PATH", help="path of the event's id in the records")
    add.add_argument("--missing", type=Path, metavar="FILE", help="write every missing id into this file, one per line")
    add.add_argument("--json", type=Path, metavar="FILE", help="write the report into this file, as JSON")
    add.add_argument(
        "--checkpoints",
        metavar="WHERE",
        help="compare with checkpoints that were kept elsewhere: a file of signed notes or of events as a SIEM exports "
        "them, s3://bucket/prefix?conn_id=… with the objects of a destination, or opensearch:<target> or "
        "https://host/<target> with its documents",
    )
    _key(add)
    add.add_argument(
        "--settle", type=float, default=30.0, metavar="SECONDS", help="wait before ids are searched again; default: 30"
    )
    _without_airflow(add)


_ARGUMENTS = {
    "dag-files": _dag_files,
    "check": _check,
    "find": _find,
    "prove": _prove,
    "check-proof": _check_proof,
    "try": _try,
    "evidence": _evidence,
    "convert-siem-config": _convert,
    "destinations": _pipelines,
    "gaps": _gaps,
    "test-event": _test_event,
    "unreadable": _unreadable,
    "verify": _verify,
}


def _columns(rows: list[tuple[str, str]]) -> str:
    """Return rows in two columns; if the first is long, the second is on the next line."""
    width = min(max(len(first) for first, _ in rows), 36)
    gap = f"\n{'':{width + 4}}"
    return "\n".join(
        f"  {first:{width}}  {second}" if len(first) <= width else f"  {first}{gap}{second}" for first, second in rows
    )
