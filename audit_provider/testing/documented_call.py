"""An API as its vendor documents it: the parameters of a request, their values, and the way to the next page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Strict

from audit_provider.core.model import UTC
from audit_provider.core.records.times import time_from
from audit_provider.testing.strict import STRICT, EmptyIsDefault

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_MILLISECOND = timedelta(milliseconds=1)

TimeKind = Literal["rfc3339", "datetime", "epoch", "epoch_ms", "date"]
"""How a time is written: RFC 3339, date and time in UTC with a space between them, whole seconds or
milliseconds since 1970, or a date alone."""

Kind = Literal["text", "rfc3339", "rfc3339_hour", "datetime", "epoch", "epoch_ms", "date"]
"""How a parameter's value is written: ``text`` is anything, the others are times; ``rfc3339_hour`` is RFC 3339 that the
vendor rounds to the nearest hour."""

Role = Literal["", "size", "start", "end", "cursor"]
"""What a parameter does."""


class BadRequestError(Exception):
    """The request is not as documented."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query, or one leaf of the body. A parameter without any key is accepted and not used.

    :ivar kind: how its value is written; ``text`` is anything.
    :ivar role: what it is: the page ``size``, the ``start`` or ``end`` of the time range, the ``cursor``.
    :ivar most: the largest page ``size`` that is accepted. :ivar default: the page size if none is requested.
    :ivar value: the only value allowed. :ivar contains: texts that the value must contain.
    :ivar pattern: a text with ``{start}`` and ``{end}`` in it. :ivar repeated: it is sent twice, for start and end.
    """

    __pydantic_config__: ClassVar = STRICT

    kind: Kind = "text"
    role: Role = ""
    most: int = 1000
    default: int = 100
    value: Any = None
    contains: Annotated[tuple[str, ...], Strict(False)] = ()
    pattern: str = ""
    repeated: bool = False

    @property
    def bounds(self) -> bool:
        """Whether it holds a bound of time."""
        return self.role in ("start", "end") or self.repeated or bool(self.pattern)


Parameters = Mapping[str, Annotated[Parameter, EmptyIsDefault]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the vendor accepts.

    :ivar method: ``GET`` or ``POST``. :ivar path: with the names of settings in braces.
    :ivar params: of the query, by name. :ivar body: leaves of the JSON body, by dotted path; left out for no body.
    :ivar headers: texts that headers must contain, beside those of ``auth``.
    :ivar required: names of the parameters that must be sent.
    """

    __pydantic_config__: ClassVar = STRICT

    method: Literal["GET", "POST"]
    path: str
    params: Parameters = field(default_factory=dict)
    body: Parameters | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def read(self, params: list[tuple[str, str]], body: Any) -> dict[str, Any]:
        """Return the values of a request, by role.

        :raises BadRequestError: it is not as documented.
        """
        asked: dict[str, Any] = {}
        names = {name for name, _ in params}
        for name in names:
            if name not in self.params:
                raise BadRequestError(f"unknown parameter {name!r}")
            _take(asked, name, self.params[name], [value for each, value in params if each == name])
        leaves = dict(_leaves(body)) if body is not None else {}
        if (self.body is None) != (body is None):
            raise BadRequestError("a JSON body is needed" if self.body is not None else "no body is allowed")
        for name, value in leaves.items():
            if self.body is None or name not in self.body:
                raise BadRequestError(f"unknown field {name!r} in the body")
            _take(asked, name, self.body[name], [value])
        for name in self.required:
            if name not in names and name not in leaves:
                raise BadRequestError(f"{name!r} is missing")
        return asked

    @property
    def named(self) -> dict[str, Parameter]:
        """Every parameter, of the query and of the body."""
        return {**self.params, **(self.body or {})}

    @property
    def size(self) -> Parameter:
        """The parameter of the page size; one with the default if the vendor has none."""
        return next((each for each in self.named.values() if each.role == "size"), Parameter())

    @property
    def cursor_name(self) -> str:
        """Name of the parameter of the cursor."""
        return next((name for name, each in self.named.items() if each.role == "cursor"), "cursor")


def _leaves(body: Any, path: str = "") -> list[tuple[str, Any]]:
    entries = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    found: list[tuple[str, Any]] = []
    for key, value in entries:
        here = f"{path}.{key}" if path else str(key)
        found += _leaves(value, here) if isinstance(value, (dict, list)) and value else [(here, value)]
    return found


def _take(asked: dict[str, Any], name: str, parameter: Parameter, values: list[Any]) -> None:
    """Check one parameter, and put its value into ``asked``."""
    if parameter.repeated:
        if len(values) != 2:
            raise BadRequestError(f"{name!r} must stand twice")
        asked["start"], asked["end"] = (_moment(name, parameter.kind, value) for value in values)
        return
    if len(values) != 1:
        raise BadRequestError(f"{name!r} stands {len(values)} times")
    (value,) = values
    if parameter.value is not None and str(value) != str(parameter.value):
        raise BadRequestError(f"{name!r} must be {parameter.value!r}, not {value!r}")
    for text in parameter.contains:
        if text not in str(value):
            raise BadRequestError(f"{name!r} must hold {text!r}")
    if parameter.pattern:
        shape = re.escape(parameter.pattern).replace(r"\{start\}", "(?P<start>.+)").replace(r"\{end\}", "(?P<end>.+)")
        match = re.fullmatch(shape, str(value))
        if match is None:
            raise BadRequestError(f"{name!r} must look like {parameter.pattern!r}, not {value!r}")
        asked |= {role: _moment(name, parameter.kind, text) for role, text in match.groupdict().items()}
    elif parameter.role in ("start", "end"):
        moment = _moment(name, parameter.kind, value)
        whole_day = parameter.kind == "date" and parameter.role == "end"
        asked[parameter.role] = moment + timedelta(days=1) - _MILLISECOND if whole_day else moment
    elif parameter.role == "size":
        if not str(value).isdigit() or not 1 <= int(value) <= parameter.most:
            raise BadRequestError(f"{name!r} must be 1 to {parameter.most}, not {value!r}")
        asked["size"] = int(value)
    elif parameter.role:
        asked[parameter.role] = str(value)


def _moment(name: str, kind: str, value: Any) -> datetime:
    text = str(value)
    if kind in ("rfc3339", "rfc3339_hour") and not _RFC3339.fullmatch(text):
        raise BadRequestError(f"{name!r} must be an RFC 3339 date-time, not {value!r}")
    if kind == "datetime" and not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text):
        raise BadRequestError(f"{name!r} must be a date and a time with a space between them, not {value!r}")
    if kind == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise BadRequestError(f"{name!r} must be a date, not {value!r}")
    if kind in ("epoch", "epoch_ms"):
        if not text.isdigit() or (len(text) >= 12) != (kind == "epoch_ms"):
            raise BadRequestError(f"{name!r} must be an epoch in {'ms' if kind == 'epoch_ms' else 's'}, not {value!r}")
        return datetime.fromtimestamp(int(text) / (1000 if kind == "epoch_ms" else 1), UTC)
    moment = time_from(f"{text}T00:00:00Z" if kind == "date" else text)
    if moment is None:
        raise BadRequestError(f"{name!r} is no time: {value!r}")
    if kind == "rfc3339_hour":
        moment = (moment + timedelta(minutes=30)).replace(minute=0, second=0, microsecond=0)
    return moment


@dataclass(frozen=True, slots=True)
class Whole:
    """Every answer is whole."""

    __pydantic_config__: ClassVar = STRICT

    style: Literal["none"]


@dataclass(frozen=True, slots=True)
class Cursors:
    """The answer holds a cursor, or the next page's URL, for the next page.

    :ivar at: dotted path of the cursor or URL.
    :ivar last: its value on the last page; ``absent`` for nothing.
    :ivar gone: dotted path of what is absent with it. :ivar tail: it is always there, even after the newest record.
    :ivar more_at: dotted path of a flag that says whether there is more. :ivar count_at: that of the page's size.
    :ivar begin: a cursor that means the beginning. :ivar relative: the URL has no host.
    :ivar listed: the cursor is a list of two values, which the request joins by a comma.
    :ivar by_time: the URL has no cursor: its ``end`` is the time of the page's last record, newest first.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["cursor", "next_url"]
    at: str
    last: str | None = None
    gone: str = ""
    tail: bool = False
    more_at: str = ""
    count_at: str = ""
    begin: str = ""
    relative: bool = False
    listed: bool = False
    by_time: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """The ``Link`` header holds the next page's URL.

    :ivar tail: it is always there, even after the newest record.
    :ivar results: it is always there, and its ``results`` attribute says whether there is a next page.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["link"]
    tail: bool = False
    results: bool = False


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages have numbers.

    :ivar first: number of the first page. :ivar more_at: dotted path of a flag that says whether there is more.
    :ivar next_at: dotted path of the next page's number. :ivar total_at: dotted path of the number of all records.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["page"]
    first: int = 1
    more_at: str = ""
    next_at: str = ""
    total_at: str = ""


@dataclass(frozen=True, slots=True)
class Offsets:
    """The next page begins after a number of records. :ivar total_at: dotted path of the number of all records."""

    __pydantic_config__: ClassVar = STRICT

    style: Literal["offset"]
    total_at: str = ""


@dataclass(frozen=True, slots=True)
class ObjectIds:
    """The id of a page's last record leads to the next page.

    :ivar more_at: dotted path of the value that says whether there is more; "" if only an empty page is the end.
    :ivar flags: that value if there is more, ``id`` for the last record's id; and if there is not.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["object_id"]
    more_at: str = ""
    flags: tuple[bool | Literal["id"], bool | None] = (True, False)


Paging = Annotated[Whole | Cursors | Links | Pages | Offsets | ObjectIds, Discriminator("style")]
