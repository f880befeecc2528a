"""``python -m benchmarks``: measure in alternation, print ratios, end 1 where a bound is broken."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.deliveries import DELIVERIES
from benchmarks.servers import EVENT_BYTES, PAGE, api, collector

BOUNDS = {"read": 0.7, **{name: each.bound for name, each in DELIVERIES.items() if each.bound}}
"""Largest CPU allowed, as a part of the plain loop's."""

MEMORY_BOUND = 60.0
"""Largest growth allowed, in MB over a run with one page."""

GAIN_BOUND, ROUND_TRIP, WAITING_EVENTS = 3.0, 0.05, 20_000
"""Least gain of four batches at once over one, with this many seconds until an answer."""

_TITLES = {
    "plain": "plain loop: requests, orjson, gzip -6",
    "read": "read into the spool",
    **{name: each.title for name, each in DELIVERIES.items()},
}


def measure(name: str, pages: int, folder: Path, delay: float = 0.0) -> dict[str, float]:
    """Return CPU seconds, wall seconds and peak MB of one piece of work, in a process of its own."""
    server = api(pages) if name in ("plain", "read") else collector(delay)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    command = [sys.executable, "-m", "benchmarks.work", name, url, str(folder), str(pages * PAGE)]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        server.shutdown()
        server.server_close()
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def concurrency_gain(rounds: int) -> float:
    """Return how much faster four batches at once are than one at a time, over a way with a delay."""
    gains = []
    with tempfile.TemporaryDirectory() as folder:
        measure("read", WAITING_EVENTS // PAGE, Path(folder))
        for _ in range(rounds):
            one, four = (
                measure(f"waiting-{count}", WAITING_EVENTS // PAGE, Path(folder), ROUND_TRIP)["wall"]
                for count in (1, 4)
            )
            gains.append(one / four)
    return statistics.median(gains)


def main() -> int:
    """Return 0 where every bound holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=300_000, help="per round")
    parser.add_argument("--large", type=int, default=1_000_000, help="events of the memory run")
    options = parser.parse_args()
    pages = options.events // PAGE

    cpu: dict[str, list[float]] = {name: [] for name in _TITLES}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name in _TITLES:
                if not number or name not in DELIVERIES or not DELIVERIES[name].slow:
                    cpu[name].append(measure(name, pages, Path(folder))["cpu"])
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    good = True
    print(f"\nCPU seconds per {options.events:,} events of {EVENT_BYTES} bytes, median of {options.rounds} rounds\n")
    for name, title in _TITLES.items():
        ratios = [one / plain for one, plain in zip(cpu[name], cpu["plain"], strict=False)]
        ratio, bound = statistics.median(ratios), BOUNDS.get(name)
        good = good and (bound is None or ratio <= bound)
        said = "" if bound is None else f"  at most {bound:.2f}  {'ok' if ratio <= bound else 'BROKEN'}"
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{title:40} {statistics.median(cpu[name]):7.2f} s  {ratio:5.2f} x plain {spread}{said}")

    gain = concurrency_gain(options.rounds)
    good = good and gain >= GAIN_BOUND
    print(
        f"\n{ROUND_TRIP * 1000:.0f} ms until an answer: four batches at once are {gain:.2f} x as fast as one, at least "
        f"{GAIN_BOUND:.1f}  {'ok' if gain >= GAIN_BOUND else 'BROKEN'}"
    )

    print("\nPeak memory\n")
    peaks: dict[str, dict[int, float]] = {"read": {}, "splunk_hec": {}}
    for count in (1, options.events // PAGE, options.large // PAGE):
        with tempfile.TemporaryDirectory() as folder:
            for name, each in peaks.items():
                each[count] = measure(name, count, Path(folder))["peak"]
    for name, each in peaks.items():
        base, *_, large = each.values()
        ok = large - base <= MEMORY_BOUND
        good = good and ok
        said = f"+{large - base:.0f} MB, at most +{MEMORY_BOUND:.0f}  {'ok' if ok else 'BROKEN'}"
        told = ", ".join(f"{count * PAGE:,} events {peak:.0f} MB" for count, peak in each.items())
        print(f"{_TITLES[name]:40} {told}: {said}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
