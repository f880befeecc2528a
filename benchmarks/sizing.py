"""``python -m benchmarks.sizing``: how many worker slots and processors a load needs, by simulation.

It writes the tables of docs/sizing.md from the costs below. Each cost was measured by the command beside it on two
shared cores of a virtual machine; replace them by your own.
"""

from __future__ import annotations

import heapq
import random
import sys
from bisect import bisect_left
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "sizing.md"
BEGIN, END = "<!-- simulated: begin -->\n", "<!-- simulated: end -->\n"
DAY = 86_400.0
_HOURS = 6.0
_MOST_USED = 0.7
_PARTS = 10
"""Parts into which a run's events are divided by age, because the oldest have waited longest."""
_SPREAD = 1.0
"""Standard deviation of the logarithm of the pipelines' sizes: the largest of 1,000 is some 15 times the mean."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of the parts of a run. Times in seconds, memory in MB.

    :ivar task_cpu: CPU of an Airflow task, a fifth of a run that finds some events (``python -m benchmarks.quiet``).
    :ivar preloaded_cpu: the same with preloaded schedulers and workers, and :ivar quiet_cpu: of a whole run there that
        finds nothing new (the same command).
    :ivar task_wall: how long a task holds a slot (``python -m benchmarks.tasks``).
    :ivar slot_memory: of a running task (the same command).
    :ivar read_cpu: of reading one event, and :ivar ship_cpu: of shipping it to one destination (``make bench``).
    :ivar page_wall: until a page of a thousand events has arrived.
    :ivar batch_wall: until a batch is accepted and its offset recorded.
    :ivar pages_a_minute: the vendor's budget. :ivar spool_bytes: of an event in the spool, compressed.
    :ivar busy: part of a processor that may be in use.
    """

    task_cpu: float = 0.43
    preloaded_cpu: float = 0.33
    quiet_cpu: float = 0.36
    task_wall: float = 1.4
    slot_memory: float = 150.0
    read_cpu: float = 6e-6
    ship_cpu: float = 6e-6
    page_wall: float = 0.5
    batch_wall: float = 0.2
    pages_a_minute: float = 60.0
    spool_bytes: float = 145.0
    busy: float = 0.6


@dataclass(frozen=True, slots=True)
class Load:
    """The load. :ivar interval: minutes between runs. :ivar destinations: of every pipeline."""

    pipelines: int
    events_a_day: float
    interval: float = 5.0
    destinations: int = 3

    @property
    def tasks_a_day(self) -> float:
        """Return the number of tasks a day: per run one pull, a ship task for each destination, and one report."""
        return self.pipelines * (2 + self.destinations) * DAY / (60 * self.interval)


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a simulation.

    :ivar delay: seconds in which 19 of 20 events have reached all destinations. :ivar used: part of the slots in use.
    """

    slots: int
    delay: float
    used: float

    def suffices(self, load: Load) -> bool:
        """Whether 19 of 20 events arrive within two intervals, with some slots to spare for a bad day."""
        return self.delay <= 120 * load.interval and self.used <= _MOST_USED


def sizes(load: Load, seed: int = 1) -> list[float]:
    """Return the events per second of each pipeline: a few are large, most are small."""
    dice = random.Random(seed)
    parts = [dice.lognormvariate(0, _SPREAD) for _ in range(load.pipelines)]
    return [load.events_a_day / DAY * part / sum(parts) for part in parts]


def simulate(load: Load, slots: int, costs: Costs, hours: float = _HOURS) -> Found:
    """Simulate the runs of the pipelines for some hours with a number of slots, first come, first served.

    A pipeline has one run at a time, as with ``max_active_runs=1``. Its next run begins when it is due, or when the
    last one has ended. A run reads what has happened since the last read, then ships it to all destinations, then
    reports.
    """
    rates = sizes(load)
    interval, end = 60 * load.interval, 3600 * hours
    dice = random.Random(2)
    events: list[tuple[float, int, str, int]] = []
    serial = 0
    waiting: deque[tuple[str, int]] = deque()
    free, used = slots, 0.0
    read_to = [0.0] * load.pipelines
    had = [0.0] * load.pipelines
    batch = [(0.0, 0.0)] * load.pipelines
    left = [0] * load.pipelines
    due = [dice.random() * interval for _ in rates]
    delays: defaultdict[int, float] = defaultdict(float)  # whole seconds, to the number of events with this delay

    def at(moment: float, what: str, number: int) -> None:
        nonlocal serial
        serial += 1
        heapq.heappush(events, (moment, serial, what, number))

    for number, moment in enumerate(due):
        at(moment, "due", number)
    while events:
        now, _, what, number = heapq.heappop(events)
        if now > end:
            break
        if what == "due":
            waiting.append(("pull", number))
        else:
            free += 1
            if what == "pull":
                left[number] = load.destinations
                waiting.extend([("ship", number)] * load.destinations)
            elif what == "ship":
                left[number] -= 1
                if not left[number]:
                    oldest, newest = batch[number]
                    for part in range(_PARTS):
                        age = (newest - oldest) * (part + 0.5) / _PARTS
                        delays[round(now - newest + age)] += had[number] / _PARTS
                    waiting.append(("report", number))
            else:
                due[number] = max(due[number] + interval, now)
                at(due[number], "due", number)
        while free and waiting:
            what, number = waiting.popleft()
            if what == "pull":
                batch[number], read_to[number] = (read_to[number], now), now
                had[number] = rates[number] * (now - batch[number][0])
                pages = had[number] / 1000 + 1
                waited = 60 * (pages / costs.pages_a_minute - 1)  # the budget of the first minute can be used at once
                work = max(pages * costs.page_wall, waited) + had[number] * costs.read_cpu
            elif what == "ship":
                work = (had[number] / 1000 + 1) * costs.batch_wall + had[number] * costs.ship_cpu
            else:
                work = 0.1
            took = costs.task_wall + work
            free, used = free - 1, used + took
            at(now + took, what, number)
    ordered = sorted(delays)
    seen = list(accumulate(delays[delay] for delay in ordered))
    late = ordered[bisect_left(seen, 0.95 * seen[-1])] if seen else float("inf")
    return Found(slots, late, min(used / (slots * end), 1.0))


def smallest(load: Load, costs: Costs) -> Found:
    """Return the result for the fewest slots that suffice, see :meth:`Found.suffices`.

    :raises ValueError: no number is enough, because a pipeline has more events than its vendor's budget allows.
    """
    least, most = 0, 1
    while not (found := simulate(load, most, costs)).suffices(load):
        least, most = most, 2 * most
        if least > load.pipelines * load.destinations:
            raise ValueError(f"no number of slots is enough for {load}: a pipeline is at its vendor's limit")
    while most - least > 1:
        middle = (least + most) // 2
        tried = simulate(load, middle, costs)
        if tried.suffices(load):
            most, found = middle, tried
        else:
            least = middle
    return found


@dataclass(frozen=True, slots=True)
class Processors:
    """The processors that a load keeps busy, with room for a bad day.

    :ivar starting: for tasks. :ivar preloaded: for the same with preloaded workers.
    :ivar quiet: for preloaded runs if none of them finds anything. :ivar moving: for events.
    """

    starting: float
    preloaded: float
    quiet: float
    moving: float

    def share_of_quiet_runs(self, most: float) -> float:
        """Return the share of preloaded runs, 0 to 1, that must find nothing new for ``most`` processors to do."""
        return max(0.0, (self.preloaded - (most - self.moving)) / (self.preloaded - self.quiet))


def processors(load: Load, costs: Costs) -> Processors:
    """Return the processors that a load needs."""
    tasks, runs = load.tasks_a_day / DAY / costs.busy, load.pipelines / (60 * load.interval) / costs.busy
    moving = load.events_a_day * (costs.read_cpu + load.destinations * costs.ship_cpu) / DAY / costs.busy
    return Processors(tasks * costs.task_cpu, tasks * costs.preloaded_cpu, runs * costs.quiet_cpu, moving)


LOADS = (
    Load(1, 1e5),
    Load(10, 1e6),
    Load(50, 2e7),
    Load(200, 1e8, 10),
    Load(1000, 1e9, 5),
    Load(1000, 1e9, 15),
    Load(1000, 1e9, 30),
)


def tables(costs: Costs) -> str:
    """Return the simulated tables as Markdown."""
    lines = [
        "| pipelines | events a day | every | slots | in use | 95 % within | processors: tasks + events | preloaded "
        "| preloaded, runs that find nothing | memory |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for load in LOADS:
        found = smallest(load, costs)
        need = processors(load, costs)
        lines.append(
            f"| {load.pipelines:,} | {load.events_a_day:,.0f} | {load.interval:.0f} min | {found.slots} | "
            f"{100 * found.used:.0f} % | {found.delay / 60:.1f} min | {need.starting:.1f} + {need.moving:.2f} | "
            f"{need.preloaded:.1f} + {need.moving:.2f} | {need.quiet:.1f} | "
            f"{found.slots * costs.slot_memory / 1024:.1f} GB |"
        )
    lines += [
        "",
        "| pipelines | every | task instances a day | Variable writes a day | spool a day | its S3 requests a day |",
        "|---|---|---|---|---|---|",
    ]
    for load in LOADS:
        runs = load.pipelines * DAY / (60 * load.interval)
        batches = load.destinations * (runs + load.events_a_day / 1000)
        lines.append(
            f"| {load.pipelines:,} | {load.interval:.0f} min | {load.tasks_a_day:,.0f} | {2 * runs + batches:,.0f} | "
            f"{load.events_a_day * costs.spool_bytes / 1e9:,.1f} GB | {runs * (2 + 3 * load.destinations):,.0f} |"
        )
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """Return the page with its tables made again."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + tables(Costs()) + "\n" + END + rest.partition(END)[2]


def main() -> int:
    """Write the page; with ``--check``, return 1 if it is outdated."""
    text = PAGE.read_text()
    new = written(text)
    if "--check" in sys.argv:
        return int(new != text)
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
