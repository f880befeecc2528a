"""How well findings find: recall and false findings over made-up histories.

``python -m tests.core.monitoring.backtest [seeds]`` prints a table.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone

from audit_provider.core.monitoring.activity import KEPT_DAYS
from audit_provider.core.monitoring.baseline import figures_of
from audit_provider.core.monitoring.categories import Classifier
from audit_provider.core.monitoring.findings import noteworthy
from audit_provider.core.monitoring.judging import ALL, unusual
from audit_provider.core.monitoring.memory import Memory
from audit_provider.core.monitoring.settings import Monitoring
from tests.core.monitoring.histories import (
    ACTIONS,
    FIRST,
    JUDGED_DAYS,
    LEARNING_DAYS,
    PROFILES,
    WATCHED,
    Profile,
    add_anomalies,
    history_of,
)

COUNTS = ("surge", "silence")
KINDS = (*COUNTS, "new_action", "new_actor", "failed_logins")
REPORT_HOURS = (4, 8, 12, 16, 20, 24)


@dataclass
class Score:
    """What became of anomalies and findings, by kind."""

    weeks: float = 0.0
    put: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Score) -> Score:
        return Score(
            self.weeks + other.weeks,
            self.put + other.put,
            self.found + other.found,
            self.false + other.false,
            self.missed + other.missed,
            self.wrong + other.wrong,
        )

    def recall(self, kinds=KINDS) -> float:
        return sum(self.found[each] for each in kinds) / max(sum(self.put[each] for each in kinds), 1)

    def precision(self, kinds=KINDS) -> float:
        found = sum(self.found[each] for each in kinds)
        return found / max(found + sum(self.false[each] for each in kinds), 1)

    def false_a_week(self, kinds=KINDS) -> float:
        return sum(self.false[each] for each in kinds) / self.weeks


def judged(profile: Profile, seed: int, *, anomalies: bool = True, settings: Monitoring | None = None) -> Score:
    """Judge one history day by day, as reports would."""
    settings = settings or Monitoring()
    history = history_of(profile, seed)
    if anomalies:
        add_anomalies(history, seed)
    classifier = Classifier(ACTIONS, {}, WATCHED)
    memory = Memory(key="00" * 16)
    findings = {}
    for place in range(LEARNING_DAYS, LEARNING_DAYS + JUDGED_DAYS):
        figures = figures_of(history.days[max(0, place + 1 - KEPT_DAYS) : place + 1], classifier)
        day = datetime.combine(FIRST + timedelta(days=place), time(), timezone.utc)
        for hour in REPORT_HOURS:
            for each in unusual(figures, day + timedelta(hours=hour), settings):
                findings.setdefault(each.id, each)
        for each in noteworthy(figures, classifier, memory, settings, day + timedelta(hours=23)):
            findings.setdefault(each.id, each)
    score = Score(weeks=JUDGED_DAYS / 7)
    explained = set()
    for anomaly in history.anomalies:
        score.put[anomaly.kind] += 1
        matching = [
            each.id
            for each in findings.values()
            if each.kind == anomaly.kind
            and anomaly.first - timedelta(days=4 * (anomaly.kind == "silence")) <= each.at.date() <= anomaly.last
            and each.subject in (anomaly.subject or ALL, ALL)
        ]
        if matching:
            score.found[anomaly.kind] += 1
        else:
            score.missed.append(f"{profile.name}/{seed}: {anomaly}")
        explained.update(matching)
        # What belongs to an anomaly of another kind is no mistake: failed logins are authentication too.
        explained.update(
            each.id
            for each in findings.values()
            if each.kind in COUNTS
            and anomaly.kind != "new_actor"
            and anomaly.first - timedelta(days=2 * (each.kind == anomaly.kind == "silence"))
            <= each.at.date()
            <= anomaly.last
        )
    for each in findings.values():
        if each.kind in KINDS and each.id not in explained:
            score.false[each.kind] += 1
            score.wrong.append(f"{profile.name}/{seed}: {each.title}")
    return score


def main(seeds: int) -> None:
    """Print the figures by profile."""
    _write(f"{'source':24}{'recall':>8}{'precision':>11}{'surge+silence / week':>22}{'all kinds / week':>18}")
    everything = Score()
    for profile in PROFILES:
        score = sum((judged(profile, seed) for seed in range(seeds)), Score())
        everything += score
        _print(profile.name, score)
    _print("all", everything)
    for kind in KINDS:
        _write(f"  {kind:22}{everything.found[kind]:>5} of {everything.put[kind]:<5} false: {everything.false[kind]}")
    for each in (*everything.missed, *everything.wrong):
        _write(each)


def _print(name: str, score: Score) -> None:
    _write(
        f"{name:24}{score.recall():>8.3f}{score.precision():>11.3f}{score.false_a_week(COUNTS):>22.2f}"
        f"{score.false_a_week():>18.2f}"
    )


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
