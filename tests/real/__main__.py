"""``python -m tests.real``: ship to real servers, then compare. Ends 0 where all that is delivered is held."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import tests.conftest  # noqa: F401 - an AIRFLOW_HOME of its own, before anything imports Airflow
from tests.real.account import Row, table
from tests.real.obtaining import UnobtainableError
from tests.real.servers.all import SERVERS, UNOBTAINABLE
from tests.real.servers.base import Place, Server


def try_server(server: Server, version: str, folder: Path, tell, only: str = "") -> list[Row]:
    """Run all scenarios of a server, and return a line for each.

    :raises UnobtainableError: it cannot be had here.
    """
    made = server.obtain(version)
    folder.mkdir()
    folder.chmod(0o755)  # some servers run as somebody who may not enter the folders of others
    rows = []
    try:
        with server.serve(Place(made, folder)) as handle:
            for name, scenario in server.scenarios.items():
                if only not in name:
                    continue
                begun = time.monotonic()
                try:
                    found = scenario(handle)
                    row = Row(server.name, made.version, name, **vars(found))
                except Exception as error:
                    row = Row(server.name, made.version, name, "-", "-", f"{type(error).__name__}: {error}")
                rows.append(row)
                tell(f"{server.name}: {name}: {time.monotonic() - begun:.1f} s, {'WRONG' if row.wrong else 'good'}")
    except RuntimeError as error:
        rows.append(Row(server.name, made.version, "start", "-", "-", str(error)))
    return rows


def main() -> int:
    """Do what the arguments say, and print the table."""
    names = [each.name for each in SERVERS]
    parser = argparse.ArgumentParser(prog="python -m tests.real", description=__doc__)
    parser.add_argument("--server", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("--scenario", default="", help="only those whose name holds this")
    parser.add_argument("--version", action="append", default=[], metavar="SERVER=VERSION", help="another version")
    options = parser.parse_args()
    versions = dict(each.split("=", 1) for each in options.version)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every server is ended on the way out

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    rows: list[Row] = []
    skipped = {} if options.server else dict(UNOBTAINABLE)
    with tempfile.TemporaryDirectory(prefix="real-") as folder:
        Path(folder).chmod(0o755)
        for server in SERVERS:
            if options.server and server.name not in options.server:
                continue
            version = versions.get(server.name, server.version)
            place = Path(folder) / server.name.replace(" ", "-")
            try:
                rows += try_server(server, version, place, tell, options.scenario)
            except UnobtainableError as error:
                skipped[f"{server.name} {version}"] = str(error)
                tell(f"{server.name}: skipped: {error}")
        tell(f"\n{table(rows, skipped)}")  # before all that the servers wrote is removed, which takes a while
    return 0 if rows and not any(each.wrong for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
