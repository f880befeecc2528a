"""Mistakes planted in a contract, or in the description that is held against it: none passes."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
import yaml

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources import vocabulary as v
from audit_provider.core.sources.inline import mistakes_in
from audit_provider.testing.contract import Contract, Refusal, SlowDown, TokenCall, read_contract
from audit_provider.testing.documented_call import Call, Paging, Parameter
from audit_provider.testing.sources import wrong_types_in
from audit_provider.testing.strict import words_of
from tests.core.sources.agreement import disagreements
from tests.core.sources.test_contracts import FIXTURES, LISTS

PAGING = get_args(get_args(Paging)[0])
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
FREE = {"settings", "connection", "auth", "headers", "fixed", "params", "body", "fields", "answer", "claims"}
"""Keys below which the vendor chooses the names."""


def entry_of(name):
    return yaml.load((FIXTURES / name / "contract.yaml").read_text(), Loader=LOADER)


def refused(tmp_path, name, entry):
    """Write a contract, and return what is said against it."""
    folder = tmp_path / name
    shutil.copytree(FIXTURES / name, folder, dirs_exist_ok=True)
    (folder / "contract.yaml").write_text(yaml.dump(entry, Dumper=DUMPER))
    with pytest.raises(ConfigurationError) as raised:
        read_contract(folder)
    return str(raised.value)


def known_keys(value, path=()):
    """Yield the path of every key whose name the contract's form sets."""
    if not isinstance(value, dict):
        return
    own = not path or path[-1] not in FREE
    for key, inner in value.items():
        if own:
            yield (*path, key)
        if key in ("refusal", "slow_down"):
            yield from ((*path, key, each) for each in inner)
        elif not own or key not in FREE - {"params", "body"}:
            yield from known_keys(inner, (*path, key))


def misspelt(word):
    """Return a word with two of its letters exchanged, as fingers do, or with one too few."""
    middle = len(word) // 2
    swapped = word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
    return swapped if swapped != word else word[:-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_each_key_misspelt_is_an_error_that_names_the_right_one(name, tmp_path):
    entry = entry_of(name)
    paths = list(known_keys(entry))
    assert len(paths) > 15
    for path in paths:
        wrong = copy.deepcopy(entry)
        holder = wrong
        for key in path[:-1]:
            holder = holder[key]
        bad = misspelt(path[-1])
        holder[bad] = holder.pop(path[-1])
        said = refused(tmp_path, name, wrong)
        place = ".".join([*path[:-1], bad]).removeprefix("by_time.")
        assert f"{place}: there is no such key" in said, said
        assert f"{path[-1]!r}" in said or f".{path[-1]}: is missing" in said, said


WORDS = [
    ("order",),
    ("time_kind",),
    ("bounds", 0),
    ("bounds", 1),
    ("request", "method"),
    ("request", "params", "from", "kind"),
    ("request", "params", "from", "role"),
    ("request", "params", "limit", "role"),
    ("request", "params", "cursor", "role"),
    ("paging", "style"),
    ("slow_down", "headers", "Retry-After"),
]
ACME = {
    "connection": {"password": "acme-sandbox"},
    "auth": {"Authorization": "Bearer acme-sandbox"},
    "request": {
        "method": "GET",
        "path": "/v1/events",
        "params": {
            "from": {"kind": "rfc3339", "role": "start"},
            "to": {"kind": "rfc3339", "role": "end"},
            "limit": {"role": "size", "most": 100},
            "cursor": {"role": "cursor"},
        },
    },
    "records_at": "data",
    "id_at": "id",
    "time_at": "createdAt",
    "time_kind": "rfc3339",
    "order": "newest",
    "bounds": ["inclusive", "exclusive"],
    "paging": {"style": "cursor", "at": "cursor"},
    "slow_down": {"status": 429, "headers": {"Retry-After": "seconds"}},
}
"""A contract that fits the example page of ``miro``."""


@pytest.mark.parametrize("path", WORDS, ids=lambda path: ".".join(map(str, path)))
def test_each_word_misspelt_is_an_error_that_names_the_right_one(path, tmp_path):
    wrong = copy.deepcopy(ACME)
    holder = wrong
    for key in path[:-1]:
        holder = holder[key]
    right = holder[path[-1]]
    holder[path[-1]] = misspelt(right)
    said = refused(tmp_path, "miro", wrong)
    assert f"{'.'.join(map(str, path))}: there is no {holder[path[-1]]!r}" in said, said
    assert f"did you mean {right!r}?" in said, said


def test_the_contract_without_a_mistake_is_read(tmp_path):
    folder = tmp_path / "miro"
    shutil.copytree(FIXTURES / "miro", folder)
    (folder / "contract.yaml").write_text(yaml.safe_dump(ACME))
    assert read_contract(folder).paging.style == "cursor"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("request", "params", "from"), {"role": "start"}, "'from' holds a bound of time, so it needs a kind"),
        (("request", "params", "from"), {"kind": "rfc3339"}, "'from' has the kind of a time and no role"),
        (("request", "params", "cursor"), None, "needs a parameter with the role 'cursor'"),
        (("request", "required"), ["form"], "request.required: there is no parameter 'form'"),
        (("request", "path"), "/v1/{organisation}/events", "request.path: {organisation} is none of the settings"),
        (("request", "params", "limit"), {"role": "size", "most": "many"}, "request.params.limit.most: must be"),
        (("records_at",), "events", "records_at: the example page has no records at 'events'"),
        (("id_at",), "uuid", "id_at: an example record has nothing at 'uuid'"),
        (("id_at",), "", "vary_at: is needed where records have no id"),
        (("time_at",), "created", "time_at: an example record has nothing at 'created'"),
        (("time_kind",), "epoch_ms", "time_kind: the example records do not write their time as epoch_ms"),
        (("auth",), {"Authorization": "Bearer {tokn}"}, "auth: {tokn} is not known"),
        (("auth",), {"Authorization": "Bearer {token}"}, "belong together"),
        (("auth",), "acme-sandbox", "auth: must be"),
        (("connection",), {"pasword": "x"}, "connection.pasword: there is no 'pasword'"),
        (("bounds",), ["inclusive"], "bounds"),
        (("rate",), [10], "rate"),
        (("lookback",), "90 days", "lookback: must be"),
        (("paging",), {"at": "cursor"}, "paging.style: is missing"),
        (("paging",), {"style": "cursor"}, "paging.at: is missing"),
        (("paging",), {"style": "page", "at": "cursor"}, "paging.at: there is no such key"),
        (("slow_down",), {"headers": {}}, "slow_down.status: is missing"),
        (("by_time",), {"order": "oldset"}, "by_time: order: there is no 'oldset'"),
    ],
)
def test_what_does_not_fit_together_is_said(path, value, said, tmp_path):
    wrong = copy.deepcopy(ACME)
    holder = wrong
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    assert said in refused(tmp_path, "miro", wrong)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    folder = tmp_path / "miro"
    shutil.copytree(FIXTURES / "miro", folder)
    (folder / "contract.yaml").write_text(yaml.safe_dump(ACME) + "order: oldest\n")
    with pytest.raises(ConfigurationError, match="'order' stands twice"):
        read_contract(folder)


def test_every_key_of_the_form_is_covered():
    """A key added to the form is held by the tests above, for each of them stands in some contract."""
    used = {path[-1] for name in LISTS for path in known_keys(entry_of(name))}
    kinds = (Contract, Call, Parameter, *PAGING, Refusal, SlowDown, TokenCall)
    form = {key for kind in kinds for key in words_of(kind)} - {"name", "page", "token_at"}
    assert form - used == set()


def changed(name, **changes):
    spec = REGISTRY[name]
    for key, value in changes.items():
        part, _, inner = key.partition("__")
        spec = replace(spec, **{part: replace(getattr(spec, part), **{inner: value}) if inner else value})
    return spec


PLANTED = [
    ("miro", {"page_size": v.PageSize("limit", 5000)}, "page_size.most: is 5000"),
    ("miro", {"page_size": v.PageSize("limits", 100)}, "page_size.key"),
    ("slack", {"request__params": {"oldest": "{start}", "latest": "{end}", "limit": 99999}}, "pages of 99999"),
    ("github", {"page_size": v.PageSize("per_page", 50)}, "page_size.most says 50"),
    ("linear", {"page_size": v.PageSize("first", 1000)}, "page_size.most: is 1000"),
    ("onepassword", {"request__body": {"limit": 5000, "start_time": "{start}"}}, "pages of 5000"),
    ("miro", {"lookback": timedelta(days=3650)}, "lookback"),
    ("miro", {"lookback": None}, "lookback"),
    ("linear", {"lookback": timedelta(days=91)}, "lookback"),
    ("slack", {"rate_limit": v.RateLimit(500, 60)}, "rate_limit"),
    ("miro", {"errors": v.Errors(message_at="mesage", code_at="code")}, "errors.message_at"),
    ("miro", {"errors": v.Errors(message_at="message", code_at="cod")}, "errors.code_at"),
    ("openai", {"errors": v.Errors(message_at="error.mesage", code_at="error.code")}, "errors.message_at"),
    ("linear", {"errors__slow_codes": ("RATE_LIMITED",)}, "errors.slow_codes"),
    ("linear", {"errors__code_at": "errors.extensions.code"}, "errors.code_at"),
    ("workos", {"paging": v.ObjectIdPaging(param="after", more_at="list_metadata.afer")}, "paging.more_at"),
    ("zendesk", {"paging__more_at": "meta.hasmore"}, "paging.more_at"),
    ("jira", {"paging__total_at": "totl"}, "paging.total_at"),
    ("hcp_terraform", {"paging__next_at": "pagination.next"}, "paging.next_at"),
    ("monday", {"paging__first": 0}, "paging.first"),
    ("sentry", {"paging__results": False}, "paging.results"),
    ("asana", {"paging__ends_when_empty": False}, "paging.ends_when_empty"),
    ("slack", {"paging__cursor_at": "response_metadata.nextcursor"}, "paging.cursor_at"),
    ("slack", {"paging__param": "curser"}, "paging.param"),
    ("slack", {"paging": v.PagePaging(param="cursor")}, "paging: is of type 'page'"),
    ("slack", {"records_at": "entris"}, "records_at"),
    ("slack", {"fields__id": "uid"}, "fields.id"),
    ("slack", {"fields__time": "date_created"}, "fields.time"),
    ("openai", {"reading": v.IdKeyset()}, "reading: id_keyset reads what is oldest first"),
    ("datadog", {"reading": v.HeadScan()}, "reading: reads from the newest end"),
    ("miro", {"reading": v.ClosedWindows(grain=timedelta(0))}, "reading.grain"),
    ("hcp_terraform", {"reading": v.SinceScan(overlap=timedelta(0))}, "reading.overlap"),
]


@pytest.mark.parametrize(("name", "changes", "said"), PLANTED, ids=lambda each: each if isinstance(each, str) else "")
def test_a_description_that_says_otherwise_than_the_contract_is_found(name, changes, said):
    contract = read_contract(FIXTURES / name)
    assert not any(said in each for each in disagreements(REGISTRY[name], contract))
    assert any(said in each for each in disagreements(changed(name, **changes), contract))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auth": v.Header("X-Token")}, "auth.headers: must be of the type Mapping[str, str], not 'X-Token'"),
        (
            {"auth": "bearer"},
            "auth: must be Bearer or Header or Basic or Token or Assertion or SignedRequest, not 'bearer'",
        ),
        ({"paging": "cursor"}, "paging: must be NoPaging or"),
        ({"reading": v.ClosedWindows}, "reading: must be ClosedWindows or"),
        ({"lookback": 90}, "lookback: must be of the type timedelta | None, not 90"),
        ({"rate_limit": (50, 60)}, "rate_limit: must be RateLimit, not (50, 60)"),
        ({"errors": v.Errors(slow_codes="ratelimited")}, "errors.slow_codes: must be of the type tuple"),
        ({"request": v.Request("get", "/x")}, "request.method: must be of the type Literal"),
        ({"page_size": 100}, "page_size: must be PageSize, not 100"),
        ({"recovery": v.replace(REGISTRY["slack"], times="unix")}, "recovery.times: must be of the type TimeFormat"),
    ],
    ids=lambda each: str(each)[:30] if isinstance(each, dict) else "",
)
def test_a_value_of_the_wrong_type_is_named_in_one_sentence(changes, said):
    (sentence,) = wrong_types_in(replace(REGISTRY["slack"], **changes))
    assert sentence.startswith(said)


def test_every_source_is_of_the_right_types():
    assert {name: wrong_types_in(spec) + mistakes_in(spec) for name, spec in REGISTRY.items()} == {
        name: [] for name in REGISTRY
    }
