"""The proof after a run on the sandbox: what Airflow's records say, and what the services really hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any

import requests

from audit_provider.core.ledger.event_account import Account, table
from audit_provider.core.ledger.records import MemoryLedger
from audit_provider.core.ledger.stream_name import PREFIX
from audit_provider.core.sources import REGISTRY
from audit_provider.core.streams.open_stream import open_stream, recorded_streams
from audit_provider.sandbox.s3 import ids_in, s3_client

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_provider.core.spool import Store
    from audit_provider.sandbox.airflow_api import AirflowApi

_LOSSES = ("silently_dropped", "dropped_for_age", "truncated", "in_failure_store", "dropped_columns", "lost_values")
"""Counts of a stand-in for what its SIEM would lose despite an answer that reports success."""


def read_accounts(airflow: AirflowApi, store: Store, pipeline: str, destinations: Sequence[str]) -> list[Account]:
    """Return the account of every stream and destination of a pipeline, from Variables and the spool.

    :param store: the spool.
    """
    ledger = MemoryLedger(airflow.variables(f"{PREFIX}.{pipeline}."))
    accounts: list[Account] = []
    for name in recorded_streams(ledger, pipeline):
        if opened := open_stream(ledger, store, name):
            for gap in opened.position.gaps:
                print(f"{opened.stream}: a gap from {gap.wanted:%Y-%m-%d} to {gap.possible:%Y-%m-%d}: {gap.reason}")
            accounts += [opened.account(each) for each in destinations if opened.is_meant_for(each)]
    return accounts


def print_account(pipeline: str, accounts: list[Account]) -> bool:
    """Print the table, streams added up; return whether both sums of the account hold and nothing is pending."""
    totals = []
    for destination in dict.fromkeys(each.destination for each in accounts):
        numbers: Counter[str] = Counter()
        for each in accounts:
            if each.destination == destination:
                numbers.update({one.name: getattr(each, one.name) for one in fields(Account) if one.type == "int"})
        totals.append(Account(stream=pipeline, destination=destination, **dict[str, Any](numbers)))
    print(f"\n{table(accounts)}\n" if len(accounts) > len(totals) else "")
    print(table(totals))
    for each in totals:
        if each.restamped:
            print(
                f"{each.destination}: {each.restamped:,} of the delivered were sent with the current time for their age"
            )
    return bool(accounts) and all(each.adds_up and not each.pending for each in accounts)


def print_proof(sandbox: Mapping[str, Any], destinations: Mapping[str, Sequence[str]]) -> bool:
    """Compare what the destinations hold with what the sources serve, id by id.

    :param destinations: where each source's events go.
    """
    siems = [name for name in dict.fromkeys(chain(*destinations.values())) if name != "s3"]
    states = {name: _state(sandbox, name) for name in (*destinations, *siems)}
    s3 = sandbox["s3"]
    client = s3_client(s3["url"])
    good, everything = True, set[str]()
    print()
    for source, names in destinations.items():
        served, refused = set(states[source]["ids"]), states[source]["refused_for_rate"]
        everything |= served
        print(f"{source} serves {len(served):,} events; it refused {refused} requests for their rate.")
        held = {"s3": ids_in(client, s3["bucket"], f"{source}/", REGISTRY[source].fields.id)}
        held |= {name: [each for each in states[name]["ids"] if each in served] for name in siems if name in names}
        good = _compare(served, held) and refused == 0 and good
    strange = [each for name in siems for each in states[name]["ids"] if each not in everything]
    lost = {name: what for name in siems for what in _LOSSES if states[name].get(what)}
    good = good and not strange and not lost
    verdict = "Every event is accounted for" if good else "NOT every event is accounted for"
    print(f"\n{verdict}: {len(everything):,} from {len(destinations)} sources.")
    return good


def _compare(served: set[str], held: Mapping[str, Iterable[str]]) -> bool:
    good = True
    for name, found in held.items():
        ids = list(found)
        missing, strange, twice = len(served - set(ids)), len(set(ids) - served), len(ids) - len(set(ids))
        print(f"  {name:10} holds {len(ids):,}: {missing} missing, {twice} twice, {strange} unknown")
        good = good and not missing and not strange and not twice
    return good


def _state(sandbox: Mapping[str, Any], name: str) -> dict[str, Any]:
    state: dict[str, Any] = requests.get(f"{sandbox[name]['url']}/_sandbox/state", timeout=60).json()
    return state
