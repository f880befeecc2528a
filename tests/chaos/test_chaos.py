"""The short chaos suite. ``make chaos`` runs the long one."""

from __future__ import annotations

import os
import random

import pytest

from tests.chaos.figures import table
from tests.chaos.rig import Rig
from tests.chaos.scenarios import LONG_ONLY, SCENARIOS

# A scenario is some hundred forks of a large process, each of which takes seconds where the machine does much else.
# With so much patience it is the first file of its worker, which has no threads of other tests yet.
pytestmark = [pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"), pytest.mark.timeout(1800)]
SEED = 11


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    kept = dict(os.environ)
    with Rig(tmp_path_factory.mktemp("chaos")) as rig:
        yield rig
    for name in os.environ.keys() - kept.keys():
        del os.environ[name]


@pytest.fixture
def watched_rig(rig):
    # The same services: connections are in the environment, so there can be one rig at a time.
    rig.watch = True
    yield rig
    rig.watch = False


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in LONG_ONLY])
def test_nothing_is_lost(rig, name):
    figures = SCENARIOS[name](rig, random.Random(f"{SEED} {name}"), SEED, long=False)
    assert figures.good, f"\n{table([figures])}\n{figures.as_json()}"


@pytest.mark.parametrize("name", ["older_database", "retention_passed"])
def test_nothing_is_lost_of_watched_pipelines(watched_rig, name):
    figures = SCENARIOS[name](watched_rig, random.Random(f"{SEED} {name}"), SEED, long=False)
    assert figures.good, f"\n{table([figures])}\n{figures.as_json()}"


@pytest.mark.e2e
def test_nothing_is_lost_under_a_real_airflow(rig):
    figures = SCENARIOS["real_airflow"](rig, random.Random(SEED), SEED, long=False)
    assert figures.good, f"\n{table([figures])}\n{figures.as_json()}"
