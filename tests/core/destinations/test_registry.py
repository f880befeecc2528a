"""A destination is found without importing it, and imported when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from audit_provider.core.destinations.registry import DESTINATIONS, REGISTRY, Destinations
from audit_provider.core.errors import ConfigurationError
from tests.documentation import ROOT

LOADED = """
import sys
from audit_provider.core.destinations.registry import DESTINATIONS, REGISTRY
assert "s3" in DESTINATIONS and "splunk_hec" in REGISTRY and "nothing" not in REGISTRY
assert len(list(REGISTRY)) == len(DESTINATIONS)
print(sorted(name for name in DESTINATIONS if f"audit_provider.core.destinations.{name}" in sys.modules))
DESTINATIONS["splunk_hec"]
print(sorted(name for name in DESTINATIONS if f"audit_provider.core.destinations.{name}" in sys.modules))
"""


def test_asking_for_names_imports_nothing_and_a_use_imports_its_own_module():
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "['splunk_hec']"], done.stderr


def test_every_destination_has_the_options_that_its_description_names():
    assert {name: each.options for name, each in DESTINATIONS.items()} == dict(REGISTRY)
    assert {name: each.name for name, each in DESTINATIONS.items()} == {name: name for name in DESTINATIONS}


def test_a_name_that_is_none_is_refused():
    with pytest.raises(KeyError):
        DESTINATIONS["splunk"]


def test_a_module_describes_the_destination_of_its_name(tmp_path, monkeypatch):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    text = "from audit_provider.core.destinations.s3 import S3\nfrom dataclasses import replace\n"
    text += "DestinationSpec = replace\nOTHER = DestinationSpec(S3, name='other')\ndel S3\n"
    (folder / "mine.py").write_text(text)
    (folder / "engine.py").write_text("raise AssertionError('it describes no destination')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Destinations("elsewhere", folder)
    assert found.own == ("mine",)
    with pytest.raises(ConfigurationError, match="the module's name 'mine', but describes 'other'"):
        found["mine"]
