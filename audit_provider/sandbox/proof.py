"""The proof after a run on the sandbox: what Airflow's records say, and what the services really hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec
import requests

from audit_provider.core.accounting import Account, account, table
from audit_provider.core.model import Offset
from audit_provider.core.position import unpack_position
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.sandbox.s3 import ids_in, s3_client

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audit_provider.sandbox.local_airflow import LocalAirflow

DESTINATIONS = ("s3", "splunk", "datadog")


def read_accounts(airflow: LocalAirflow, pipeline: str) -> list[Account]:
    """Return the account of every stream and destination of a pipeline, from Variables and the spool."""
    store = LocalStore(airflow.home / "audit_spool")
    variables = airflow.variables(f"audit_logs.{pipeline}.")
    accounts = []
    for key, text in sorted(variables.items()):
        if not key.endswith(".cursor"):
            continue
        base = key.removesuffix(".cursor")
        window = base.partition(".backfill.")[2]
        position = unpack_position(text, key)
        name = f"{pipeline}/backfill-{window}" if window else f"{pipeline}/live"
        stream = Stream(store, name, position.chain)
        for gap in position.gaps:
            print(f"{name}: a gap from {gap.wanted:%Y-%m-%d} to {gap.possible:%Y-%m-%d}: {gap.reason}")
        for destination in DESTINATIONS:
            kept = variables.get(f"{base}.to.{destination}")
            offset = msgspec.json.decode(kept, type=Offset) if kept else None
            accounts.append(account(stream, destination, position, offset))
    return accounts


def print_account(pipeline: str, accounts: list[Account]) -> bool:
    """Print the table, streams added up; return whether both halves of the identity hold and nothing is pending."""
    totals = []
    for destination in DESTINATIONS:
        numbers: Counter[str] = Counter()
        for each in accounts:
            if each.destination == destination:
                numbers.update({one.name: getattr(each, one.name) for one in fields(Account) if one.type == "int"})
        totals.append(Account(stream=pipeline, destination=destination, **dict[str, Any](numbers)))
    print(f"\n{table(accounts)}\n" if len(accounts) > len(DESTINATIONS) else "")
    print(table(totals))
    for each in totals:
        if each.restamped:
            print(f"{each.destination}: {each.restamped:,} of the delivered bear their arrival time (older than 17 h)")
    return bool(accounts) and all(each.adds_up and not each.pending for each in accounts)


def print_proof(sandbox: Mapping[str, Any], id_paths: Mapping[str, str]) -> bool:
    """Compare what the destinations hold with what the sources serve, id by id.

    :param id_paths: of the sources' records, by source.
    """
    states = {name: _state(sandbox, name) for name in (*id_paths, "splunk", "datadog")}
    s3 = sandbox["s3"]
    client = s3_client(s3["url"])
    good, everything = True, set[str]()
    print()
    for source, id_at in id_paths.items():
        served, refused = set(states[source]["ids"]), states[source]["refused_for_rate"]
        everything |= served
        print(f"{source} serves {len(served):,} events; it refused {refused} requests for their rate.")
        held = {"s3": ids_in(client, s3["bucket"], f"{source}/", id_at)}
        held |= {name: [each for each in states[name]["ids"] if each in served] for name in ("splunk", "datadog")}
        good = _compare(served, held) and refused == 0 and good
    strange = [each for name in ("splunk", "datadog") for each in states[name]["ids"] if each not in everything]
    dropped = states["splunk"]["silently_dropped"] + states["datadog"]["dropped_for_age"]
    good = good and not strange and not dropped
    verdict = "Every event is accounted for" if good else "NOT every event is accounted for"
    print(f"\n{verdict}: {len(everything):,} from {len(id_paths)} sources.")
    return good


def _compare(served: set[str], held: Mapping[str, Iterable[str]]) -> bool:
    good = True
    for name, found in held.items():
        ids = list(found)
        missing, strange, twice = len(served - set(ids)), len(set(ids) - served), len(ids) - len(set(ids))
        print(f"  {name:8} holds {len(ids):,}: {missing} missing, {twice} twice, {strange} unknown")
        good = good and not missing and not strange and not twice
    return good


def _state(sandbox: Mapping[str, Any], name: str) -> dict[str, Any]:
    state: dict[str, Any] = requests.get(f"{sandbox[name]['url']}/_sandbox/state", timeout=60).json()
    return state
