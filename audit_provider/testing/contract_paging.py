"""How the service of a contract pages: one class per style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator

from audit_provider.testing.strict import STRICT


@dataclass(frozen=True, slots=True)
class Whole:
    """Every answer is whole."""

    __pydantic_config__: ClassVar = STRICT

    style: Literal["none"]


@dataclass(frozen=True, slots=True)
class Cursors:
    """The answer holds a cursor, or the next page's URL, for the next page.

    :ivar at: dotted path of it.
    :ivar last: what stands there on the last page; ``absent`` for nothing.
    :ivar gone: dotted path of what is absent with it. :ivar tail: it is there always, also behind the newest record.
    :ivar more_at: dotted path of a flag that says whether there is more. :ivar count_at: of the page's size.
    :ivar begin: a cursor that means the beginning. :ivar relative: the URL has no host.
    :ivar listed: the cursor is a list of two values, which the request joins by a comma.
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


@dataclass(frozen=True, slots=True)
class Links:
    """The ``Link`` header holds the next page's URL.

    :ivar tail: it is there always, also behind the newest record.
    :ivar results: it is there always, and its ``results`` attribute says whether it leads to anything.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["link"]
    tail: bool = False
    results: bool = False


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages have numbers.

    :ivar first: number of the first page. :ivar more_at: dotted path of a flag that says whether there is more.
    :ivar next_at: of the next page's number. :ivar total_at: of the number of all records.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["page"]
    first: int = 1
    more_at: str = ""
    next_at: str = ""
    total_at: str = ""


@dataclass(frozen=True, slots=True)
class Offsets:
    """The next page begins after so many records. :ivar total_at: dotted path of the number of all records."""

    __pydantic_config__: ClassVar = STRICT

    style: Literal["offset"]
    total_at: str = ""


@dataclass(frozen=True, slots=True)
class ObjectIds:
    """The id of a page's last record leads to the next.

    :ivar more_at: dotted path of what says whether there is more; "" where only an empty page is the end.
    :ivar flags: what stands there where there is more, ``id`` for the last record's, and where there is not.
    """

    __pydantic_config__: ClassVar = STRICT

    style: Literal["object_id"]
    more_at: str = ""
    flags: tuple[bool | Literal["id"], bool | None] = (True, False)


Paging = Annotated[Whole | Cursors | Links | Pages | Offsets | ObjectIds, Discriminator("style")]
