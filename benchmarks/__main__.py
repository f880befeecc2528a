"""``python -m benchmarks``: measures in alternation, prints ratios, and exits with 1 if a bound is exceeded."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deliveries import DELIVERIES
from benchmarks.measuring import measure, run
from benchmarks.page import BOUND as PAGE_BOUND
from benchmarks.page import large_times, page_times
from benchmarks.servers import EVENT_BYTES

RESULTS = Path(__file__).with_name("results") / "latest.json"
ROUNDS, EVENTS = 5, 1_000_000
"""The size of the runs whose results are kept and quoted in the documentation: smaller runs are less exact."""

SIZES = (10_000, 100_000, 1_000_000)
WHOLE = ("read", "splunk_hec", "hive")
BOUNDS = {"read": 0.40, **{name: each.bound for name, each in DELIVERIES.items() if each.bound}, "whole": 1.10}
"""Largest CPU allowed, as a ratio to the plain loop."""

MEMORY_BOUND = 10.0
"""Largest growth of memory allowed from the fewest events to the most, in MB."""

GAIN_BOUND, ROUND_TRIP, WAITING_EVENTS = 3.0, 0.05, 20_000
"""Smallest gain allowed of four concurrent batches over one, with this many seconds until an answer."""

PARSE_BOUNDS = {1: 1.0, 50: 2.0}
"""CPU seconds allowed for parsing the DAG files, beyond Airflow's own import, by number of pipelines."""

_TITLES = {
    "plain": "plain loop: requests, orjson, gzip -6",
    "read": "read into the spool",
    "tree": "Merkle tree of the spool, in the report",
    **{name: each.title for name, each in DELIVERIES.items()},
    "whole": "the whole way: read, Splunk HEC and S3",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    :ivar value: what is compared with the bound. :ivar bound: None if the value is only shown. :ivar said: the rest.
    :ivar least: whether the bound is a minimum rather than a maximum.
    """

    name: str
    title: str
    value: float
    bound: float | None = None
    unit: str = ""
    said: str = ""
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the value is within the bound."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.least else self.value <= self.bound

    def __str__(self) -> str:
        verdict = "ok" if self.holds else "BROKEN"
        limit = "" if self.bound is None else f"at {'least' if self.least else 'most'} {self.bound:g}  {verdict}"
        return f"{self.title:42} {self.value:8.2f} {self.unit:7} {limit:20} {self.said}".rstrip()


def ratios(rounds: int, events: int) -> list[Row]:
    """Measure each piece of work once a round, in alternation; return its CPU as a median ratio to the plain loop's."""
    cpu: dict[str, list[float]] = {name: [] for name in _TITLES}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name in _TITLES:
                if name != "whole" and (not number or name not in DELIVERIES or not DELIVERIES[name].slow):
                    cpu[name].append(measure(name, events, Path(folder)).cpu)
        cpu["whole"].append(sum(cpu[name][-1] for name in WHOLE))
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    rows = []
    for name, title in _TITLES.items():
        found = [one / plain for one, plain in zip(cpu[name], cpu["plain"], strict=False)]
        said = f"{min(found):.2f} to {max(found):.2f}; {statistics.median(cpu[name]):.2f} s"
        rows.append(Row(name, title, statistics.median(found), BOUNDS.get(name), "x plain", said))
    return rows


def growth() -> list[Row]:
    """Measure reading and shipping with increasing numbers of events: CPU, peak memory, writes of progress."""
    rows = []
    figures = {}
    for events in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            for name in WHOLE:
                figures[name, events] = measure(name, events, Path(folder))
            empty, idle = (measure(name, 0, Path(folder)) for name in ("read", "idle"))
    for name in WHOLE:
        few, _, many = (figures[name, events] for events in SIZES)
        said = ", ".join(f"{events:,}: {figures[name, events].peak:.0f} MB" for events in SIZES)
        more = many.peak - few.peak
        rows.append(Row(f"memory_{name}", f"{_TITLES[name]}: memory", more, MEMORY_BOUND, "MB more", said))
        each = (many.cpu - few.cpu) / (SIZES[-1] - SIZES[0])
        first = (figures[name, SIZES[1]].cpu - few.cpu) / (SIZES[1] - SIZES[0])
        said = f"{1e6 * first:.1f} us an event up to {SIZES[1]:,}, {1e6 * each:.1f} us up to {SIZES[-1]:,}"
        rows.append(Row(f"growth_{name}", f"{_TITLES[name]}: growth", each / first, None, "x", said))
        rows.append(
            Row(f"writes_{name}", f"{_TITLES[name]}: Variable", many.commits, None, "writes", "a million events")
        )
    said = "process start included"
    rows.append(Row("empty_run", "a run that finds nothing new", empty.cpu, None, "s CPU", said))
    said += ", and its row above for what it is sent"
    rows.append(Row("one_more_destination", "one more destination", idle.cpu, None, "s CPU", said))
    return rows


def concurrency_gain(rounds: int) -> Row:
    """Measure how much faster four concurrent batches are than one at a time, over a connection with a delay."""
    gains = []
    with tempfile.TemporaryDirectory() as folder:
        measure("read", WAITING_EVENTS, Path(folder))
        for _ in range(rounds):
            one, four = (measure(f"waiting-{count}", WAITING_EVENTS, Path(folder), ROUND_TRIP).wall for count in (1, 4))
            gains.append(one / four)
    title = f"four batches at once, {ROUND_TRIP * 1000:.0f} ms until an answer"
    return Row("concurrency", title, statistics.median(gains), GAIN_BOUND, "x", least=True)


def starts(rounds: int) -> list[Row]:
    """Measure the cost of importing the package and parsing its DAG files."""

    def cpu(what: str) -> float:
        return statistics.median(float(run("benchmarks.startup", what)) for _ in range(rounds))

    airflow = cpu("airflow")
    rows = [Row("import", "import audit_provider", cpu("package"), None, "s CPU", "process start included")]
    for pipelines, bound in PARSE_BOUNDS.items():
        title = f"DAG files of {pipelines} pipeline{'s' * (pipelines > 1)}"
        beyond = cpu(str(pipelines)) - airflow
        rows.append(
            Row(f"parse_{pipelines}", title, beyond, bound, "s CPU", f"beyond Airflow's import, {airflow:.2f} s")
        )
    return rows


def page() -> list[Row]:
    """Measure the page's API."""
    return [
        Row(
            f"page_{each.path}",
            each.path,
            each.held,
            PAGE_BOUND,
            "ms",
            f"usual {each.usual:.0f}, first {each.first:.0f}, worst {each.worst:.0f}",
        )
        for each in page_times()
    ] + [Row(f"large_{title}", title, value, bound, unit, "") for title, value, bound, unit in large_times().rows()]


def main() -> int:
    """Return 0 if all values are within their bounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--events", type=int, default=EVENTS, help="per round")
    options = parser.parse_args()
    print(
        f"{EVENT_BYTES} bytes an event; ratios: {options.rounds} rounds of {options.events:,} events, median and spread"
    )
    rows: list[Row] = []
    for part in (
        lambda: ratios(options.rounds, options.events),
        growth,
        lambda: [concurrency_gain(options.rounds)],
        lambda: starts(options.rounds),
        page,
    ):
        for row in part():
            print(row, flush=True)
            rows.append(row)
    if (options.rounds, options.events) == (ROUNDS, EVENTS):
        _keep(rows)
    broken = [row.title for row in rows if not row.holds]
    print(f"\nbroken: {', '.join(broken)}" if broken else "\nevery bound holds")
    return 1 if broken else 0


def _keep(rows: Sequence[Row]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    shown = {
        row.name: {"value": round(row.value, 3), "unit": row.unit, "bound": row.bound, "said": row.said} for row in rows
    }
    RESULTS.write_text(json.dumps({"rounds": ROUNDS, "events": EVENTS, "rows": shown}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
