"""Recall and false findings over made-up histories with known anomalies."""

from __future__ import annotations

import sys

import pytest

from tests.core.monitoring.backtest import COUNTS, KINDS, Score, judged
from tests.core.monitoring.histories import PROFILES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scores():
    return {profile.name: judged(profile, seed=1) for profile in PROFILES}


def test_known_anomalies_are_found_and_little_else(scores, capsys):
    everything = sum(scores.values(), Score())
    with capsys.disabled():
        sys.stdout.write(
            f"\nbacktest: recall {everything.recall():.3f} of {sum(everything.put.values())} anomalies, precision "
            f"{everything.precision():.3f}, false findings per source and week {everything.false_a_week(COUNTS):.2f} "
            f"(surges and silences), {everything.false_a_week():.2f} (all kinds)\n"
        )
    for kinds in (COUNTS, KINDS):
        assert everything.recall(kinds) >= 0.95, everything.missed
        assert everything.false_a_week(kinds) <= 1, everything.wrong
    assert all(everything.put[kind] >= 10 for kind in KINDS), "every kind is put to the test"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
def test_no_kind_of_source_is_a_nuisance(scores, profile):
    score = scores[profile.name]
    assert score.false_a_week(COUNTS) <= 1, score.wrong
