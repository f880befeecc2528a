"""What a test replaces by its dotted name exists: a name that moved fails here at once, and not in an hour."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _pytest.monkeypatch import derive_importpath

FOLDER = Path(__file__).parent
PATCHED = re.compile(r"\.(?:setattr|delattr)\(\s*\"(audit_provider\.[\w.]+)\"")
NAMES = sorted({name for path in FOLDER.rglob("*.py") for name in PATCHED.findall(path.read_text())})


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_a_test_replaces_exists(name):
    derive_importpath(name, raising=True)


def test_there_are_such_names():
    assert len(NAMES) > 5
