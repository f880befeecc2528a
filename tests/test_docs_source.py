"""The source that ``docs/adding_a_source.md`` shows, through the contract suite as it stands there."""

from __future__ import annotations

import ast
import sys
from inspect import getmembers, isfunction, signature

import pytest

from audit_provider.core.sources import REGISTRY, vendors
from audit_provider.core.sources.vendors import find_sources
from tests.core.sources import test_contracts as suite
from tests.documentation import ROOT, blocks

PAGE = ROOT / "docs/adding_a_source.md"
OF_ONE_SOURCE = {
    name: test
    for name, test in getmembers(suite, isfunction)
    if name.startswith("test_") and list(signature(test).parameters) in (["name", "monkeypatch"], ["name"])
}


def shown(language):
    (block,) = blocks(language, pages=[PAGE])
    return block.text


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """The three files where the page puts them; the source among the others."""
    (tmp_path / "vendors").mkdir()
    (tmp_path / "vendors/acme.py").write_text(shown("python"))
    (tmp_path / "fixtures/acme").mkdir(parents=True)
    (tmp_path / "fixtures/acme/page.json").write_text(shown("json"))
    (tmp_path / "fixtures/acme/contract.yaml").write_text(shown("yaml"))
    monkeypatch.setattr(vendors, "__path__", [*vendors.__path__, str(tmp_path / "vendors")])
    monkeypatch.delitem(sys.modules, f"{vendors.__name__}.acme", raising=False)
    found = find_sources()["acme"]
    monkeypatch.setitem(REGISTRY, "acme", found)
    monkeypatch.setattr(suite, "FIXTURES", tmp_path / "fixtures")
    yield found
    sys.modules.pop(f"{vendors.__name__}.acme", None)


def test_it_has_about_twenty_lines():
    (value,) = (each.value for each in ast.parse(shown("python")).body if isinstance(each, ast.Assign))
    assert value.end_lineno - value.lineno - 1 <= 20


def test_the_suite_is_the_one_that_holds_the_others():
    assert len(OF_ONE_SOURCE) >= 7


@pytest.mark.parametrize("test", OF_ONE_SOURCE)
def test_it_passes_the_contract_suite(test, acme, monkeypatch):
    needed = signature(OF_ONE_SOURCE[test]).parameters
    OF_ONE_SOURCE[test](*(["acme", monkeypatch][: len(needed)]))


def test_each_of_its_names_is_the_vendors(acme, monkeypatch):
    for what, wrong in suite.renamed(acme.request):
        suite.test_a_wrong_name_is_refused("acme", what, wrong, monkeypatch)
