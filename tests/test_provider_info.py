"""What Airflow is told of the provider."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import airflow
import jsonschema
import pytest

from audit_provider import operators
from audit_provider.core.destinations.registry import ABOUT, DESTINATIONS
from audit_provider.core.sources import REGISTRY
from audit_provider.get_provider_info import get_provider_info
from tests.documentation import ROOT

INFO = get_provider_info()
SCHEMA = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())


def test_airflow_accepts_it():
    jsonschema.validate(INFO, SCHEMA)
    (entry,) = entry_points(group="apache_airflow_provider", name="provider_info").select(
        module="audit_provider.get_provider_info"
    )
    assert entry.load()() == INFO


def test_it_has_no_key_that_airflow_does_not_know():
    assert set(INFO) <= set(SCHEMA["properties"]), "a misspelt key is not refused by the schema"


def test_every_service_is_an_integration_with_the_vendors_page_and_a_guide():
    found = {each["integration-name"]: each for each in INFO["integrations"]}
    assert len(found) == len(INFO["integrations"])
    services = {each.title for each in REGISTRY.values()} | {each.title for each in ABOUT.values()}
    assert set(found) == {"Audit logs", *services}
    assert all(found[name]["external-doc-url"].startswith("https://") for name in services)
    for each in found.values():
        assert each["how-to-guide"]
        assert all((ROOT / guide.lstrip("/")).is_file() for guide in each["how-to-guide"]), each


@pytest.mark.parametrize("kind", ["operators", "hooks"])
def test_what_serves_an_integration_names_one_that_is_listed(kind):
    listed = {each["integration-name"] for each in INFO["integrations"]}
    assert {group["integration-name"] for group in INFO[kind]} <= listed


def test_airflow_is_not_held_up_by_the_sources():
    loaded = "import sys, audit_provider.get_provider_info as info; info.get_provider_info(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith(("audit_provider.core.sources", "airflow"))]


@pytest.mark.parametrize("kind", ["operators", "hooks"])
def test_every_module_that_is_named_is_there(kind):
    for name in (module for group in INFO[kind] for module in group["python-modules"]):
        importlib.import_module(name)


def test_every_operator_is_in_a_module_that_is_named():
    named = {module for group in INFO["operators"] for module in group["python-modules"]}
    classes = {getattr(operators, name) for name in operators.__all__ if name.endswith("Operator")}
    assert {each.__module__ for each in classes} - {"audit_provider.operators.ship"} == named, "ship is their base"


def test_it_agrees_with_the_hooks():
    for kind in INFO["connection-types"]:
        module, _, name = kind["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert kind["connection-type"] == hook.conn_type
        assert kind["hook-name"] == hook.hook_name
        assert kind["ui-field-behaviour"] == hook.get_ui_field_behaviour()
        assert re.fullmatch(r"\w+_default", hook.default_conn_name)


def test_choices_are_drawn_as_selects_and_flags_as_switches_that_show_what_holds():
    fields = {
        (kind["connection-type"], name): field
        for kind in INFO["connection-types"]
        for name, field in kind["conn-fields"].items()
    }
    assert set(fields["audit_logs", "source"]["schema"]["enum"]) == set(REGISTRY)
    for spec in DESTINATIONS.values():
        for name, extra in spec.connection.extras.items() if spec.connection else ():
            schema = fields[spec.connection.name, name]["schema"]
            assert tuple(schema.get("enum", ())) == extra.values, name
            assert ("boolean" in schema["type"]) == (extra.kind == "flag"), name
    for (kind, name), field in fields.items():
        assert len(field["description"]) > 5, (kind, name)
        if name == "verify":
            assert field["schema"] == {"type": ["boolean", "null"], "default": True}, kind


def test_airflow_3_1_draws_the_same_fields():
    """It asks the hook for WTForms, and draws each by its class."""
    for kind in INFO["connection-types"]:
        module, _, name = kind["hook-class-name"].rpartition(".")
        widgets = getattr(importlib.import_module(module), name).get_connection_form_widgets()
        assert set(widgets) == set(kind["conn-fields"])
        for key, described in kind["conn-fields"].items():
            schema, field = described["schema"], widgets[key]
            is_flag, is_secret = "boolean" in schema["type"], schema.get("format") == "password"
            drawn = "BooleanField" if is_flag else "PasswordField" if is_secret else "StringField"
            assert field.field_class.__name__ == drawn, key
            (choices,) = [each.values for each in field.kwargs.get("validators", ())] or [None]
            assert choices == schema.get("enum"), key


WRONG = [
    (spec, name)
    for spec in DESTINATIONS.values()
    for name, extra in (spec.connection.extras.items() if spec.connection else ())
    if extra.values or extra.kind == "flag"
]


NEEDED = {
    "cloud": {"tenant_id": "t"},
    "service": {"auth": "aws", "region": "eu-west-1"},
    "secret_url": {"auth": "bearer"},
    "allow_plain": {"transport": "tcp"},
}
"""Extras without which one does not matter."""


@pytest.mark.parametrize(("spec", "name"), WRONG, ids=lambda each: getattr(each, "name", each))
def test_a_value_that_the_form_does_not_offer_is_refused_with_its_name(spec, name, monkeypatch):
    """A connection may also come from an environment variable, past the form."""
    connection = spec.connection
    given = {"conn_type": connection.name, "password": "name: secret", "login": "me"}
    if spec.name != "datadog":
        given["host"] = "https://siem.example.com" if connection.is_http else "siem.example.com"
    given["extra"] = NEEDED.get(name, {}) | {name: "nonsense"}
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps(given))
    module, _, hook = spec.hook_path.rpartition(".")
    works, said = getattr(importlib.import_module(module), hook)("wrong").test_connection()
    assert not works
    assert name in said
    assert "nonsense" in said or "true or false" in said
