"""``python -m benchmarks``: measure in alternation, print ratios, end 1 where a bound is broken."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.servers import EVENT_BYTES, PAGE, api, collector

BOUNDS = {"read": 0.7, "hec": 0.8}
"""Largest CPU allowed, as a part of the plain loop's."""

MEMORY_BOUND = 60.0
"""Largest growth allowed, in MB over a run with one page."""

_TITLES = {
    "plain": "plain loop: requests, orjson, gzip -6",
    "read": "read into the spool",
    "hec": "spool to Splunk HEC",
    "hive": "spool to S3",
    "security_lake": "spool to S3 for Security Lake",
    "datadog_archive": "spool to S3 as a Datadog archive",
}


def measure(name: str, pages: int, folder: Path) -> dict[str, float]:
    """Return CPU seconds and peak MB of one piece of work, in a process of its own."""
    server = api(pages) if name in ("plain", "read") else collector()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    command = [sys.executable, "-m", "benchmarks.work", name, url, str(folder), str(pages * PAGE)]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        server.shutdown()
        server.server_close()
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> int:
    """Return 0 where every bound holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=100_000, help="per round")
    parser.add_argument("--large", type=int, default=1_000_000, help="events of the memory run")
    options = parser.parse_args()
    pages = options.events // PAGE

    cpu: dict[str, list[float]] = {name: [] for name in _TITLES}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name in _TITLES:
                cpu[name].append(measure(name, pages, Path(folder))["cpu"])
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    good = True
    print(f"\nCPU seconds per {options.events:,} events of {EVENT_BYTES} bytes, median of {options.rounds} rounds\n")
    for name, title in _TITLES.items():
        ratios = [one / plain for one, plain in zip(cpu[name], cpu["plain"], strict=True)]
        ratio, bound = statistics.median(ratios), BOUNDS.get(name)
        good = good and (bound is None or ratio <= bound)
        said = "" if bound is None else f"  at most {bound:.2f}  {'ok' if ratio <= bound else 'BROKEN'}"
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{title:40} {statistics.median(cpu[name]):7.2f} s  {ratio:5.2f} x plain {spread}{said}")

    print("\nPeak memory\n")
    peaks: dict[str, dict[int, float]] = {"read": {}, "hec": {}}
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
