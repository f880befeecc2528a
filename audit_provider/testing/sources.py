"""The tests that every source must pass, against a stand-in that is made from the vendor's contract.

A source in another package inherits them. Example, with the contract and its example page in the folder ``acme`` beside
the test::

    class TestAcme(SourceContract):
        spec = ACME
        folder = Path(__file__).parent / "acme"

The keys of a contract are described on the page about adding a source.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin, get_type_hints

import pytest

from audit_provider.core.errors import AuditError, ConfigurationError, CredentialError
from audit_provider.core.ledger.position import Position
from audit_provider.core.model import Window
from audit_provider.core.pull import pull
from audit_provider.core.records.fields import value_at
from audit_provider.core.sources.inline import TYPES, mistakes_in
from audit_provider.core.sources.reading.reader import Reader
from audit_provider.core.spool import LocalStore, Stream
from audit_provider.core.text.validation import checked
from audit_provider.hooks.audit_logs import AuditLogsHook
from audit_provider.testing.contract import read_contract
from audit_provider.testing.contract_service import ContractService

if TYPE_CHECKING:
    from audit_provider.core.sources.request import Request
    from audit_provider.core.sources.spec import SourceSpec


NOW = datetime.now(timezone.utc).replace(microsecond=0)
"""The time at which everything in the tests happens. It is the real time, because vendors limit the look-back."""

PAGE = 7
"""Events per page, if the vendor has a parameter for it: few, so that there are many pages."""


class SourceDesk:
    """A source, the stand-in of its vendor's API, a connection to it, and what was read.

    :param spec: the source. :param folder: of its contract.
    :param monkeypatch: sets the connection. :param store: of the spool; a temporary folder if None.
    :param options: of :class:`~audit_provider.testing.contract_service.ContractService`.
    :ivar gaps: gaps that were reported. :ivar told: sentences that were reported. :ivar slept: seconds of each wait.
    """

    def __init__(
        self, spec: SourceSpec, folder: Path, monkeypatch: pytest.MonkeyPatch, store: Any = None, **options: Any
    ) -> None:
        self.contract = read_contract(folder)
        self.spec = spec.with_page_size(PAGE) if spec.page_size else spec
        self.service = ContractService(self.contract, page_size=PAGE, **options)
        self.monkeypatch = monkeypatch
        self.connect()
        self.position = Position(source=spec.name)
        if store is None:
            self._folder = TemporaryDirectory(prefix="audit-source-")
            store = LocalStore(Path(self._folder.name))
        self.stream = Stream(store, "p/live")
        self.gaps: list[Any] = []
        self.told: list[str] = []
        self.slept: list[float] = []
        self.now = NOW

    def connect(self, **changes: Any) -> None:
        """Set the connection to the stand-in. :param changes: fields that differ from the contract's."""
        own = {str(key): value for key, value in self.contract.connection.items()}
        connection: dict[str, Any] = {"conn_type": "audit_logs", "host": self.service.url, **own, **changes}
        extra: dict[str, Any] = {**self.contract.settings, **connection.get("extra", {})}
        if self.contract.token and not getattr(self.spec.auth, "url", "/").startswith("/"):
            extra["token_url"] = f"{self.service.url}{self.contract.token['path']}"
        self.monkeypatch.setenv("AIRFLOW_CONN_DESK", json.dumps({**connection, "extra": extra}))

    def hook(self) -> AuditLogsHook:
        """Return the hook of the connection."""
        return AuditLogsHook("desk", source=self.spec)

    def pull(self, within: Window | None = None, spec: SourceSpec | None = None) -> Any:
        """Read the source once. :param within: a window of the past. :param spec: in place of the source."""
        hook = self.hook()
        spec = spec or self.spec

        def keep(position: Position) -> None:
            self.position = position

        options: dict[str, Any] = {"sleep": self.slept.append, "now": lambda: self.now}
        reader = Reader(
            pages=hook.pages(spec, **options),
            recovery=hook.pages(spec.recovery, **options) if spec.recovery else None,
            start=within.start if within else NOW - timedelta(days=2),
            until=within.end if within else None,
            now=lambda: self.now,
            report=self.gaps.append,
            tell=self.told.append,
        )
        return pull(spec.reading, reader, self.stream, self.position, commit=keep, within=within)

    def records(self) -> list[Any]:
        """Return the records that are in the spool."""
        head = self.position.head
        return [json.loads(bytes(each.raw)) for _, events in self.stream.read(head, 1) for each in events]


def canonical(records: Iterable[Any]) -> list[str]:
    """Return records as sorted texts, to compare them regardless of their order."""
    return sorted(json.dumps(each, sort_keys=True) for each in records)


def moments(
    count: int, *, end: datetime = NOW - timedelta(minutes=10), step: timedelta = timedelta(minutes=31)
) -> list[datetime]:
    """Return times up to ``end``. Every fourth is in the same second as the one before."""
    return [end - step * (number - (number % 4 == 3)) for number in reversed(range(count))]


def renamed(request: Request) -> Iterator[tuple[str, Request]]:
    """Yield, for each name in the request, that name and the request with a wrong one in its place."""
    for name in request.params:
        params = {f"{key}_x" if key == name else key: value for key, value in request.params.items()}
        yield f"query {name}", replace(request, params=params)
    for name in request.body or {}:
        body = {f"{key}_x" if key == name else key: value for key, value in (request.body or {}).items()}
        yield f"body {name}", replace(request, body=body)
    yield "path", replace(request, path=f"{request.path}x")
    yield "method", replace(request, method="POST" if request.method == "GET" else "GET")


class SourceContract:
    """What every source must do. Subclass it, and name the source and the folder of its contract.

    :cvar spec: The source. :cvar folder: Folder with ``contract.yaml`` and the example page.
    """

    spec: ClassVar[SourceSpec]
    folder: ClassVar[Path]

    @pytest.fixture
    def desk(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SourceDesk]:
        """Return the source in front of its stand-in."""
        return lambda spec=None, **options: SourceDesk(spec or self.spec, self.folder, monkeypatch, **options)

    def test_it_is_described(self) -> None:
        """The parts of the description fit together, and it says what people need."""
        assert mistakes_in(self.spec) == []
        assert self.spec.docs.startswith("https://"), "'docs' must be the address of the vendor's page"
        assert self.spec.access.endswith("."), "'access' must be a sentence"
        assert self.spec.base_url or self.spec.host_example

    def test_every_event_is_read_once_and_no_request_is_refused(self, desk: Callable[..., SourceDesk]) -> None:
        """Events that are there, and events that happen between two runs."""
        side = desk()
        side.service.add(moments(40))
        with side.service:
            side.pull()
            assert canonical(side.records()) == canonical(row.record for row in side.service.rows)
            side.now += timedelta(minutes=5)
            side.service.add([NOW + timedelta(seconds=n) for n in range(10)])
            side.pull()
            side.now += timedelta(minutes=65)
            side.pull()
        assert side.service.refused == []
        assert canonical(side.records()) == canonical(row.record for row in side.service.rows)
        assert side.position.counts.spooled == 50
        assert side.gaps == []
        assert not any("no order" in line for line in side.told)

    def test_what_every_record_has_is_found(self, desk: Callable[..., SourceDesk]) -> None:
        """Times, ids and the fields of the description are in the vendor's example."""
        side = desk()
        side.service.add(moments(3))
        with side.service:
            pages = side.hook().pages(now=lambda: NOW)
            page = pages.fetch(Window(NOW - timedelta(days=1), NOW), "")
        assert pages.records.undated == 0
        assert len(page.events) == 3
        if side.contract.id_at:
            assert {event.id for event in page.events} == set(side.service.ids())
        for part in ("action", "actor_id", "actor_email", "ip", "object_type", "object_id"):
            paths = [path.strip() for path in getattr(side.spec.fields, part).split("|") if path]
            found = any(value_at(each, path) is not None for each in side.contract.examples for path in paths)
            assert found or not paths, f"{part}: no example has {paths}"

    def test_a_wrong_name_is_refused(self, desk: Callable[..., SourceDesk]) -> None:
        """Each name of the request is the vendor's: the stand-in refuses any other."""
        for what, wrong in renamed(self.spec.request):
            side = desk(spec=replace(self.spec, request=wrong, recovery=None, page_size=None))
            side.service.add(moments(40))
            with side.service, pytest.raises(AuditError):
                side.pull()
            assert side.service.refused, what

    def test_a_wrong_credential_says_what_is_needed(self, desk: Callable[..., SourceDesk]) -> None:
        """The run stops, and the message does not contain the credential."""
        side = desk()
        with side.service:
            side.connect(password=f"wrong-{secrets.token_hex(4)}")
            with pytest.raises(CredentialError) as raised:
                side.pull()
            works, said = side.hook().test_connection()
        assert not works
        assert len(str(raised.value)) > 80, "a sentence that helps"
        assert "wrong-" not in str(raised.value) + said

    def test_the_test_button_proves_a_good_credential(self, desk: Callable[..., SourceDesk]) -> None:
        """No request of the test is refused."""
        side = desk()
        side.service.add(moments(3))
        with side.service:
            works, said = side.hook().test_connection()
        assert works, said
        assert side.service.refused == []

    def test_too_many_requests_are_waited_out_as_the_vendor_says(self, desk: Callable[..., SourceDesk]) -> None:
        """The wait is the one that the answer asks for."""
        side = desk()
        side.service.add(moments(3))
        slow_down = side.contract.slow_down
        headers = side.contract.wait_headers(17, NOW)
        path = side.service._path(side.contract.request)
        body = json.dumps(slow_down.get("body", {}))
        side.service.faults.add("status", path=path, status=slow_down["status"], headers=headers, body=body)
        with side.service:
            side.pull()
        assert len(side.records()) == 3
        (slept,) = side.slept
        assert 17 <= slept <= 17.2 if slow_down.get("headers") else slept > 0

    def test_a_window_of_the_past_is_read_by_itself(self, desk: Callable[..., SourceDesk]) -> None:
        """A backfill reads the events of its window, and no others."""
        side = desk()
        side.service.add(moments(60))
        window = Window(NOW - timedelta(hours=20), NOW - timedelta(hours=5))
        try:
            spec = side.spec.for_backfill()
        except AuditError as error:
            pytest.skip(str(error))
        with side.service:
            side.pull(within=window, spec=spec)
        if spec.fields.recorded:
            return  # the vendor filters by one time, and the window is cut by another
        assert canonical(side.records()) == canonical(row.record for row in side.service.rows if row.moment in window)
        assert side.service.refused == []


def wrong_types_in(value: Any, path: str = "") -> list[str]:
    """Return one sentence per value of the wrong type in a dataclass such as a source, each beginning with its path.

    :param value: a dataclass, searched at any depth. :param path: its path, "" for the source itself.
    """
    return list(_wrong(value, path))


def _wrong(value: Any, path: str) -> Iterator[str]:
    hints = get_type_hints(type(value))
    for each in dataclasses.fields(value):
        here = f"{path}.{each.name}" if path else each.name
        found, hint = getattr(value, each.name), hints[each.name]
        if found is None and type(None) in get_args(hint):
            continue
        kinds = tuple(TYPES[each.name].values()) if each.name in TYPES else _dataclasses_of(hint)
        if kinds and not isinstance(found, kinds):
            yield f"{here}: must be {' or '.join(kind.__name__ for kind in kinds)}, not {found!r}"
        elif dataclasses.is_dataclass(found):
            yield from _wrong(found, here)
        else:
            try:
                checked(hint, found, here, strict=True)
            except ConfigurationError:
                yield f"{here}: must be of the type {each.type}, not {found!r}"


def _dataclasses_of(hint: Any) -> tuple[type, ...]:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind))
