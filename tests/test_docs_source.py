"""The source that ``docs/adding_a_source.md`` shows, through the contract suite as it stands there."""

from __future__ import annotations

import ast
import re
import sys
from inspect import getmembers, isfunction, signature
from itertools import takewhile
from typing import get_args, get_type_hints

import pytest

from audit_provider.core.sources import REGISTRY, vendors
from audit_provider.core.sources.vendors import find_sources
from audit_provider.testing.contract import (
    AccountCall,
    Bound,
    Contract,
    Login,
    Order,
    Refusal,
    SlowDown,
    TokenCall,
    WaitForm,
)
from audit_provider.testing.documented_call import Call, Kind, Paging, Parameter, Role, TimeKind
from audit_provider.testing.strict import words_of
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


def rows_of(heading):
    """Return what stands in the cells of the first table after a text: the words in backquotes, by row."""
    _, _, rest = PAGE.read_text().partition(heading)
    lines = rest[rest.index("|---") :].splitlines()[1:]
    rows = [line.strip("| ").split("|") for line in takewhile(lambda line: line.startswith("|"), lines)]
    return [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in rows]


def test_the_table_of_a_contract_has_each_key_and_word_of_its_form():
    rows = rows_of("## The words of a contract")
    keys = [key for row in rows for key in row[0]]
    assert sorted(keys) == sorted(set(words_of(Contract)) - {"name"})
    said = {key: set(words) for named, words in rows for key in named}
    for key, kind in {
        "connection": Login,
        "time_kind": TimeKind,
        "order": Order,
        "bounds": Bound,
        "request": Call,
        "token": TokenCall,
        "account": AccountCall,
        "refusal": Refusal,
        "slow_down": SlowDown,
    }.items():
        assert set(words_of(kind)) <= said[key], key
    assert said["slow_down"] == {*words_of(SlowDown), *words_of(WaitForm)}


def test_the_table_of_a_parameter_has_each_key_and_word_of_its_form():
    rows = rows_of("A parameter of `params` or `body`:")
    assert sorted(key for row in rows for key in row[0]) == sorted(words_of(Parameter))
    said = {key: set(words) for named, words in rows for key in named}
    assert said["kind"] == set(words_of(Kind))
    assert said["role"] == set(words_of(Role)) - {""}


def test_the_table_of_paging_has_each_style_and_its_keys():
    rows = rows_of("Paging, by its `style`:")
    said = {style: set(keys[0] if keys else ()) - {"absent"} for styles, *keys in rows for style in styles}
    form = {}
    for kind in get_args(get_args(Paging)[0]):
        form |= dict.fromkeys(words_of(get_type_hints(kind)["style"]), set(words_of(kind)) - {"style"})
    assert said == form
