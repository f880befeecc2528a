"""A contract: what a vendor documents about its audit-log API, as a file. Most sources' stand-ins are made from one.

A contract is written from the vendor's pages, not from this package's description of the source, so that a wrong
parameter name there is refused here.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import yaml
from pydantic import ConfigDict
from typing_extensions import Required, TypedDict

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import UTC
from audit_provider.core.records.fields import keys_of, parts_of
from audit_provider.core.text.templates import names_in
from audit_provider.testing.documented_call import Call, Paging, TimeKind
from audit_provider.testing.signing_keys import Algorithm, private_key
from audit_provider.testing.strict import STRICT, decoded

_EQUAL_QUALIFIERS = 4
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Login = Literal["login", "password"]
"""Fields of a connection."""

Order = Literal["newest", "oldest", "shuffled"]
"""Which records come first: the newest, the oldest, or any."""

Bound = Literal["inclusive", "exclusive"]
"""Whether a record with exactly the time of a window's bound is in the window."""

WaitForm = Literal["seconds", "fraction", "epoch", "epoch_ms", "iso", "http_date"]
"""How the header of an answer to too many requests writes the wait: seconds, seconds with a fraction, or its end as an
epoch in seconds or milliseconds, as an ISO 8601 date-time or as an HTTP date."""


class Refusal(TypedDict, total=False):
    """An answer to a wrong credential."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    status: Required[int]
    body: Any


class SlowDown(TypedDict, total=False):
    """An answer to too many requests: ``headers`` with the form of the wait in each, and ``fixed`` ones with values."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    status: Required[int]
    headers: Mapping[str, WaitForm]
    fixed: Mapping[str, str]
    body: Any


class SignedAssertion(TypedDict, total=False):
    """What an assertion must be signed with, and the claims that it must have."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    algorithm: Required[Algorithm]
    claims: Required[Mapping[str, str]]


class TokenCall(TypedDict, total=False):
    """How a token is fetched: the headers and fields of the request, the answer beside the token, and its path.

    ``assertion``: the request also has a field of that name, signed with the key ``{private_key}`` of ``connection``.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    path: Required[str]
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    answer: Required[Mapping[str, Any]]
    token_at: str
    assertion: SignedAssertion


class AccountCall(TypedDict, total=False):
    """How the credential's account is requested by ``GET``: the path, and the answer."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    path: Required[str]
    answer: Required[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Contract:
    """One API.

    :ivar name: name of its folder.
    :ivar connection: what the user fills in: ``login`` and ``password``. :ivar settings: values of settings, by name.
    :ivar auth: headers that a request must have; ``{token}`` is replaced by the token that ``token`` gave.
    :ivar signed: hash function with which each request is signed by the password; "" for none.
    :ivar request: the call of the first page. :ivar follow: the call of later pages, if it is another one.
    :ivar page: the vendor's example page; in the file, the name of the page's file, by default ``page.json``.
    :ivar records_at: dotted path of the page's records; "" if the answer is the list itself.
    :ivar id_at: dotted path of a record's id; "" if records have none. If only several values together are an id, their
        paths joined by `` + ``: the time, the number within that time, and more.
    :ivar vary_at: dotted path of a value that makes records differ, if they have no id.
    :ivar time_at: dotted path of the time by which records are filtered and sorted. :ivar time_kind: how it is written.
    :ivar happened_at: dotted path of the time of the event, if it is another one: half a minute earlier.
    :ivar order: ``newest``, ``oldest`` or ``shuffled``.
    :ivar bounds: whether start and end are in a window: ``inclusive`` or ``exclusive``, each.
    :ivar paging: ``style``, and the paths of its values.
    :ivar refusal: ``status`` and ``body`` of an answer to a wrong credential.
    :ivar slow_down: an answer to too many requests: ``status``, ``body``, ``headers`` with the form of the wait in
        each, and ``fixed`` headers with their values.
    :ivar token: how a token is fetched: ``path``, ``headers``, ``fields``, ``answer``, ``token_at``, ``assertion``.
    :ivar account: how the credential's account is requested: ``path`` and ``answer``.
    :ivar rate: number of requests, and the seconds of their period; left out if the vendor names no budget.
    :ivar page_size: the fixed one, if the vendor has no parameter. :ivar lookback: days; an older start is refused.
    :ivar by_time: another call for the same records, by time window; in the file, the keys in which it differs.
    """

    __pydantic_config__: ClassVar = STRICT

    name: str
    connection: Mapping[Login, str]
    auth: Mapping[str, str]
    request: Call
    records_at: str
    id_at: str
    time_at: str
    order: Order
    paging: Paging
    page: Any
    settings: Mapping[str, str] = field(default_factory=dict)
    follow: Call | None = None
    vary_at: str = ""
    time_kind: TimeKind = "rfc3339"
    happened_at: str = ""
    bounds: tuple[Bound, Bound] = ("inclusive", "inclusive")
    refusal: Refusal = field(default_factory=lambda: Refusal(status=401, body={}))
    slow_down: SlowDown = field(default_factory=lambda: SlowDown(status=429, headers={"Retry-After": "seconds"}))
    signed: Literal["", "sha1", "sha512"] = ""
    token: TokenCall | None = None
    account: AccountCall | None = None
    rate: tuple[int, float] | None = None
    page_size: int | None = None
    lookback: int | None = None
    by_time: Any = None

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The records of the example page."""
        return list(at(self.page, self.records_at))

    def id_of(self, record: dict[str, Any]) -> str:
        """Return a record's id."""
        return "/".join(str(at(record, part)) for part in parts_of(self.id_at))

    def page_of(self, records: list[Any]) -> Any:
        """Return the example page with other records."""
        if not self.records_at:
            return records
        page = copy.deepcopy(self.page)
        put(page, self.records_at, records)
        return page

    def wait_headers(self, seconds: int, now: datetime) -> dict[str, str]:
        """Return the headers of an answer to too many requests, which ask for a wait of ``seconds``."""
        until = datetime.fromtimestamp(math.ceil(now.timestamp()) + seconds, UTC)
        forms = {
            "seconds": str(seconds),
            "fraction": f"{seconds}.0",
            "epoch": str(written(until, "epoch")),
            "epoch_ms": str(written(until, "epoch_ms")),
            "iso": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "http_date": format_datetime(until, usegmt=True),
        }
        asked = {name: forms[form] for name, form in self.slow_down.get("headers", {}).items()}
        return asked | dict(self.slow_down.get("fixed", {}))

    def record(self, number: int, moment: datetime) -> dict[str, Any]:
        """Return the record of an event, made from the vendor's example."""
        examples = self.examples
        record: dict[str, Any] = copy.deepcopy(examples[number % len(examples)])
        if self.id_at:
            varied = parts_of(self.id_at)[1 if " + " in self.id_at else 0]
            known = at(record, varied)
            if " + " in self.id_at:
                # It is an id only together with the time.
                put(record, varied, str(number % _EQUAL_QUALIFIERS))
            else:
                put(record, self.id_at, 100_000 + number if isinstance(known, int) else f"{known}-{number:06}")
        else:
            put(record, self.vary_at, f"{at(record, self.vary_at)} {number}")
        put(record, self.time_at, written(moment, self.time_kind, like=at(record, self.time_at)))
        if self.happened_at:
            happened = moment - timedelta(seconds=30)
            put(record, self.happened_at, written(happened, self.time_kind, like=at(record, self.happened_at)))
        return record


def read_contract(folder: Path) -> Contract:
    """Return the contract of a folder: ``contract.yaml`` and the example page beside it.

    :raises ConfigurationError: there is none, or it has an unknown key or word, or parts that do not fit together; with
        one line per mistake.
    """
    path = folder / "contract.yaml"
    where = f"{folder.name}/{path.name}"
    if not path.exists():
        raise ConfigurationError(
            f"the source {folder.name!r} has no contract: write {path}, as docs/adding_a_source.md says"
        )
    try:
        entry = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  # nosec B506
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where}: must be a mapping of keys to values")
    changes = entry.pop("by_time", None)
    contract = _read(entry, folder, where)
    if changes is None:
        return contract
    return replace(contract, by_time=_read({**entry, **changes}, folder, f"{where}: by_time"))


if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's takes a sixth of the time


class _Loader(_SafeLoader):
    """The safe loader, which also refuses a repeated key: the second value would silently be used."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        met: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in met and key != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            met.add(key)
        return super().construct_mapping(node, deep=deep)


def _read(entry: Mapping[str, Any], folder: Path, where: str) -> Contract:
    shown = folder / str(entry.get("page", "page.json"))
    page = json.loads(shown.read_text(encoding="utf-8"))
    contract: Contract = decoded(Contract, {**entry, "name": folder.name, "page": page}, where)
    if contract.token and "assertion" in contract.token:
        # A key is made for each run, because no key belongs in a repository.
        key = json.dumps(private_key(contract.token["assertion"]["algorithm"]))[1:-1]
        filled_in = {name: value.replace("{private_key}", key) for name, value in contract.connection.items()}
        contract = replace(contract, connection=filled_in)
    if mistakes := list(_loose_ends(contract)):
        raise ConfigurationError("\n".join(f"{where}: {each}" for each in mistakes))
    return contract


def _loose_ends(contract: Contract) -> Iterator[str]:
    """Yield the parts of a contract that do not fit together, each line beginning with the key it concerns."""
    examples = at(contract.page, contract.records_at)
    if not isinstance(examples, list) or not examples or not all(isinstance(each, dict) for each in examples):
        yield f"records_at: the example page has no records at {contract.records_at!r}"
        return
    for key in ("id_at", "time_at", "happened_at", "vary_at"):
        for path in parts_of(getattr(contract, key)):
            if any(at(each, path) is None for each in examples):
                yield f"{key}: an example record has nothing at {path!r}"
    if not contract.id_at and not contract.vary_at:
        yield "vary_at: is needed where records have no id, or all of them would be the same"
    kind = int if contract.time_kind in ("epoch", "epoch_ms") else str
    if any(not isinstance(at(each, contract.time_at), kind) for each in examples):
        yield f"time_kind: the example records do not write their time as {contract.time_kind}"
    calls = {"request": contract.request, "follow": contract.follow}
    for key, call in calls.items():
        if call is None:
            continue
        yield from (
            f"{key}.required: there is no parameter {name!r}" for name in call.required if name not in call.named
        )
        unknown = sorted(names_in(call.path) - set(contract.settings))
        yield from (f"{key}.path: {{{name}}} is none of the settings" for name in unknown)
        for name, each in call.named.items():
            if each.bounds and each.kind == "text":
                yield f"{key}: {name!r} holds a bound of time, so it needs a kind"
            if not each.bounds and each.kind != "text":
                yield f"{key}: {name!r} has the kind of a time and no role: start, end, a pattern, or repeated"
            if each.pattern and not names_in(each.pattern) <= {"start", "end"}:
                yield f"{key}: the pattern of {name!r} knows {{start}} and {{end}} only"
    led = contract.follow or contract.request
    needed = "end" if getattr(contract.paging, "by_time", False) else "cursor"
    if contract.paging.style != "none" and all(each.role != needed for each in led.named.values()):
        yield f"paging: the style {contract.paging.style!r} needs a parameter with the role {needed!r}"
    wanted = names_in(contract.auth)
    yield from (f"auth: {{{name}}} is not known, only {{token}} is" for name in sorted(wanted - {"token"}))
    if ("token" in wanted) != bool(contract.token):
        yield "auth: {token} and the key 'token', which says how it is fetched, belong together"
    if contract.happened_at == contract.time_at:
        yield "happened_at: is the path of time_at"


def at(content: Any, path: str) -> Any:
    """Return the value at a dotted path; None if it is absent."""
    for key in keys_of(path):
        content = content.get(key) if isinstance(content, dict) else None
    return content


def put(content: Any, path: str, value: Any) -> None:
    """Set the value at a dotted path, making objects on the way."""
    *keys, last = keys_of(path)
    for key in keys:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[last] = value


def remove(content: Any, path: str) -> None:
    """Remove the value at a dotted path."""
    *keys, last = keys_of(path)
    for key in keys:
        content = content.get(key) or {}
    content.pop(last, None)


def written(moment: datetime, kind: str, *, like: Any = None) -> Any:
    """Return a time as the vendor writes it: a number as a number, a text in the form of the example."""
    if kind == "epoch":
        return int(moment.timestamp())
    if kind == "epoch_ms":
        return (moment - _EPOCH) // _MILLISECOND
    if kind == "datetime":
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
    if isinstance(like, str) and "." not in like:
        text = text[:19]
    tail = re.search(r"(Z|[+-]\d\d:?\d\d)$", like) if isinstance(like, str) else None
    return text + (tail[1] if tail and tail[1].strip("+-:0") in ("", "Z") else "Z")
