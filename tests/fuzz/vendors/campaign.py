"""Many examples of one strategy and one style of paging: what they met, and the first that breaks the law."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.vendors.desk import Desk
from tests.fuzz.vendors.drawn import vendors
from tests.fuzz.vendors.law import broken
from tests.fuzz.vendors.vendor import Vendor

LONG = "AUDIT_FUZZ_EXAMPLES" in os.environ
"""Whether this is a long campaign: other examples each time, and the failing one is made small."""

EXAMPLES = int(os.environ.get("AUDIT_FUZZ_EXAMPLES", "14"))


@dataclass
class Explored:
    """What a campaign came to.

    :ivar examples: how many there were, :ivar read: in how many events were spooled, :ivar green: in how many a run
        read to the end. :ivar met: what happened, by name. :ivar failure: the breach of the law, with its example.
    """

    examples: int = 0
    read: int = 0
    green: int = 0
    met: Counter[str] = field(default_factory=Counter)
    failure: AssertionError | None = None


def explore(reading: str, paging: str, examples: int = EXAMPLES) -> Explored:
    """Try examples until one breaks the law."""
    explored = Explored()

    def check(vendor: Vendor) -> None:
        desk = Desk(vendor).play()
        explored.examples += 1
        explored.read += bool(desk.position.head.total)
        explored.green += any(each.green for each in desk.done)
        explored.met.update(desk.service.met)
        explored.met.update(habits_of(vendor))
        hold(desk)

    run = given(vendors(reading, paging))(check)
    phases = [Phase.generate, Phase.shrink] if LONG else [Phase.generate]
    run = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(run)
    if not LONG:
        run = seed(zlib.crc32(f"{reading} {paging}".encode()))(run)
    try:
        run()
    except AssertionError as error:
        explored.failure = error
    return explored


def hold(desk: Desk) -> None:
    """Hold a played desk against the law.

    :raises AssertionError: with each breach, and the example as a line for ``kept.jsonl``.
    """
    breaches = broken(desk)
    if breaches:
        runs = [each.error or ("green" if each.green else "killed") for each in desk.done]
        raise AssertionError(
            "\n".join(
                [*breaches, f"runs: {runs}", f"told: {desk.told}", f'{{"why":"","vendor":{desk.vendor.as_json()}}}']
            )
        )


OPEN = [
    *("times", "time_form", "order", "bounds", "empty", "cursors", "keys", "space", "escapes", "kind", "case", "url"),
    *("bom", "packed", "chunked", "numbers", "flag", "total", "goes_on", "recovery", "absent_ok", "method", "file"),
    *("records_at", "way_at", "sweeps"),
]


def habits_of(vendor: Vendor) -> Counter[str]:
    """Return the habits of a vendor by name, and what is strange about its log."""
    met = Counter(f"{key}={getattr(vendor, key)}" for key in OPEN)
    rows = vendor.rows
    names = [(each.name, each.mark) for each in rows]
    ids = [each.name for each in set(rows) if each.name not in (None, "")]
    met["equal id, equal bytes"] = len({each for each in names if each[0] and names.count(each) > 1})
    met["equal id, other bytes"] = len(ids) - len(set(ids))
    met["no id"] = sum(each.name in (None, "") for each in rows)
    met["no id, equal bytes"] = len({each for each in names if not each[0] and names.count(each) > 1})
    met["rows leave"] = sum(bool(each.gone) for each in rows)
    met["rows come late"] = sum(bool(each.run and each.late > 60) for each in rows)
    return met
