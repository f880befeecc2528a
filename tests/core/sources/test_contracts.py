"""Every source against a stand-in made from the vendor's documentation: real HTTP, real names, every event."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from audit_provider.core.errors import AuditError, CredentialError
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.inline import mistakes_in
from audit_provider.testing.contract import read_contract
from audit_provider.testing.sources import NOW, SourceContract, SourceDesk, moments, renamed, wrong_types_in
from tests.core.simulation import MemoryStore
from tests.core.sources.agreement import disagreements

FIXTURES = Path(__file__).parents[2] / "fixtures"
OTHERWISE = {
    *("pylon", "pylon_list", "workos_export", "salesforce_event_log_files", "microsoft365", "databricks"),
    "crowdstrike_falcon",
    *("snowflake_logins", "snowflake_queries", "snowflake_sessions", "snowflake_grants"),
}
"""Sources with stand-ins of their own: one held to the vendor's OpenAPI text, those of files, and those in vendors/."""

LISTS = sorted(name for name, spec in REGISTRY.items() if name not in OTHERWISE and spec.export is None)


class Desk(SourceDesk):
    """A source of this package, by its name."""

    def __init__(self, name, monkeypatch, spec=None, **options):
        super().__init__(spec or REGISTRY[name], FIXTURES / name, monkeypatch, MemoryStore(), **options)


def held(name, monkeypatch):
    """Return the tests of one source, and what makes its desk."""
    contract = type("Contract", (SourceContract,), {"spec": REGISTRY[name], "folder": FIXTURES / name})()
    return contract, partial(Desk, name, monkeypatch)


@pytest.mark.parametrize("name", LISTS)
def test_every_event_is_read_once_and_no_request_is_refused(name, monkeypatch):
    contract, desk = held(name, monkeypatch)
    contract.test_every_event_is_read_once_and_no_request_is_refused(desk)


@pytest.mark.parametrize("name", LISTS)
def test_what_every_record_has_is_found(name, monkeypatch):
    contract, desk = held(name, monkeypatch)
    contract.test_what_every_record_has_is_found(desk)


WRONG = [
    pytest.param(name, what, wrong, id=f"{name}-{what}")
    for name in LISTS
    for what, wrong in renamed(REGISTRY[name].request)
]


@pytest.mark.parametrize(("name", "what", "wrong"), WRONG)
def test_a_wrong_name_is_refused(name, what, wrong, monkeypatch):
    desk = Desk(name, monkeypatch, spec=replace(REGISTRY[name], request=wrong, recovery=None, page_size=None))
    desk.service.add(moments(40))
    with desk.service, pytest.raises(AuditError):
        desk.pull()
    assert desk.service.refused


@pytest.mark.parametrize("name", LISTS)
def test_a_wrong_credential_says_what_is_needed(name, monkeypatch):
    contract, desk = held(name, monkeypatch)
    contract.test_a_wrong_credential_says_what_is_needed(desk)


@pytest.mark.parametrize("name", LISTS)
def test_the_test_button_proves_a_good_credential(name, monkeypatch):
    contract, desk = held(name, monkeypatch)
    contract.test_the_test_button_proves_a_good_credential(desk)


ASKED = [name for name in LISTS if (probe := REGISTRY[name].probe) and probe.account]


@pytest.mark.parametrize("name", ASKED)
def test_the_account_id_is_where_the_vendor_gives_it(name, monkeypatch):
    desk = Desk(name, monkeypatch)
    with desk.service:
        desk.connect()
        found = desk.hook().account_id()
        if desk.contract.account is None:
            assert found == "", "the source does not ask for it"
            return
        assert found in json.dumps(desk.contract.account["answer"])
        desk.connect(password="another")
        with pytest.raises(CredentialError):
            desk.hook().account_id()


@pytest.mark.parametrize("name", LISTS)
def test_too_many_requests_are_waited_out_as_the_vendor_says(name, monkeypatch):
    contract, desk = held(name, monkeypatch)
    contract.test_too_many_requests_are_waited_out_as_the_vendor_says(desk)


@pytest.mark.parametrize("name", LISTS)
def test_the_stand_in_itself_asks_to_wait_as_the_vendor_does(name, monkeypatch):
    desk = Desk(name, monkeypatch, rate_limit=(0, 1))
    desk.now = datetime.now(timezone.utc)
    with desk.service, pytest.raises(AuditError):
        desk.pull()
    assert desk.slept[0] >= (1 if desk.contract.slow_down.get("headers") else 0.3)
    assert desk.service.refused_for_rate


@pytest.mark.parametrize("name", LISTS)
def test_a_window_of_the_past_is_read_by_itself(name, monkeypatch):
    contract, desk = held(name, monkeypatch)
    contract.test_a_window_of_the_past_is_read_by_itself(desk)


@pytest.mark.parametrize("name", LISTS)
def test_the_description_says_what_the_contract_says(name):
    assert disagreements(REGISTRY[name], read_contract(FIXTURES / name)) == []


def test_every_source_has_a_contract():
    for name in REGISTRY:
        assert name in OTHERWISE or read_contract(FIXTURES / name)


def test_every_page_says_when_its_facts_were_read():
    for name, spec in REGISTRY.items():
        assert spec.checked, name
        assert date.fromisoformat(spec.checked) <= NOW.date(), name


@pytest.mark.parametrize("name", REGISTRY)
def test_every_source_fits_together_and_is_described(name):
    spec = REGISTRY[name]
    assert wrong_types_in(spec) == []
    assert mistakes_in(spec) == []
    assert spec.docs.startswith("https://")
    assert spec.confidence.endswith(".")
    assert spec.access.endswith(".")
    assert not spec.checked or date.fromisoformat(spec.checked)
    assert "password" in spec.credential
    assert spec.base_url or spec.host_example
    for path, said in spec.unconfirmed.items():
        value = spec
        for key in path.split("."):
            assert hasattr(value, key), path
            value = getattr(value, key)
        assert said.endswith(".")
