"""The versions that are promised are those that are tested."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.matrix.rows import CONSTRAINTS, ROWS, WHOLE
from tests.packaging.conftest import ROOT

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGE = (ROOT / "docs/versions.md").read_text()
MAKE_TEST = ("3.11", "3.3")


def pins(airflow):
    """Return what is pinned for an Airflow: ``{name: versions}``."""
    found = {}
    for line in CONSTRAINTS[airflow].read_text().splitlines():
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        found.setdefault(requirement.name.lower(), set()).add(Version(pin.version))
    return found


def required():
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for name in ("parquet", "sentinel", "ssh") for line in extras[name])]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", required(), ids=lambda each: each.name)
def test_every_lower_bound_is_one_that_is_run(requirement):
    (lowest,) = (Version(each.version) for each in requirement.specifier if each.operator == ">=")
    tested = min(pins("3.1")[requirement.name.lower()])
    assert tested.release[: len(lowest.release)] == lowest.release, f"{requirement.name}: {tested} is tested"


def test_every_python_that_is_promised_is_run():
    promised = set(re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"])))
    assert promised == {row.python for row in ROWS} | {MAKE_TEST[0]}
    assert {row.airflow for row in ROWS if row.python == min(promised, key=Version)} == set(CONSTRAINTS)


def test_the_page_names_what_is_run():
    for airflow in CONSTRAINTS:
        (version,) = pins(airflow)["apache-airflow"]
        assert str(version) in PAGE
    table = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:4]]
        for line in PAGE.splitlines()
        if re.match(r"\| 3\.\d+ \|", line)
    }
    for python, cells in table.items():
        for airflow, cell in zip(("3.1", "3.3"), cells, strict=True):
            runs = [row for row in ROWS if (row.python, row.airflow) == (python, airflow)]
            whole = (python, airflow) == MAKE_TEST or (runs and runs[0].tests == WHOLE[airflow])
            assert cell.startswith("whole" if whole else "part" if runs else ""), (python, airflow)
            assert bool(cell) == bool(whole or runs), (python, airflow)
    assert len(table) == 4
