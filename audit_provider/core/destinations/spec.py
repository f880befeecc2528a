"""The description of a destination: its options, its connection, its construction, and facts for people.

Everything that lists destinations is derived from these values: the keys of the pipelines file, connection forms,
hooks, operators, links, documentation and tests.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from audit_provider.core.text.validation import checked

if TYPE_CHECKING:
    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Origin, Window
    from audit_provider.core.wire.auth import Basic, Bearer, Header
    from audit_provider.core.wire.http import HttpClient

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FIELDS = ("login", "password", "port", "schema")
"""Fields of every connection in Airflow that a form can hide; ``host`` is always shown."""


class Access(Protocol):
    """An Airflow connection, as a destination sees it."""

    @property
    def conn_id(self) -> str:
        """Its id, for messages."""

    @property
    def host(self) -> str:
        """Its host as it was entered, "" if it is empty."""

    def address(self) -> str:
        """Return the base URL.

        :raises ConfigurationError: it cannot be used.
        """

    def client(self, base_url: str = "") -> HttpClient:
        """Return a client that sends the credential. :param base_url: used instead of the connection's address."""

    def extra(self, key: str, default: Any = None) -> Any:
        """Return a value of the connection's extra."""

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a value of the extra that is true or false.

        :raises ConfigurationError: it is neither true nor false.
        """

    def page_extra(self, key: str) -> str:
        """Return an extra that is the address of a page, "" without it.

        :raises ConfigurationError: it is not an address that may be shown.
        """


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a connection.

    :ivar label: Label in the form. "" keeps Airflow's own.
    :ivar meaning: What to put there, for the documentation.
    :ivar placeholder: Example in the empty field.
    """

    label: str = ""
    meaning: str = ""
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """A key of a connection's extra.

    :ivar label: Label in the form.
    :ivar meaning: What to put there, below the field.
    :ivar kind: ``text``, ``secret`` (the form hides it) or ``flag`` (true or false).
    :ivar values: The allowed values, which the form offers; empty if any text is allowed.
    :ivar default: The value of a flag that is not set.
    """

    label: str
    meaning: str
    kind: Literal["text", "secret", "flag"] = "text"
    values: tuple[str, ...] = ()
    default: bool = False


def _no_address(connection: Access) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionType:
    """A connection type of Airflow that this package adds.

    :ivar name: Its name in Airflow.
    :ivar title: Its title in the list of connection types.
    :ivar service: The service's name in messages.
    :ivar fields: The fields that are used, ``host`` included. The others are hidden.
    :ivar extras: The keys of the extra that it has in addition to those of every HTTP connection.
    :ivar auth: How the credential is sent, as in a source. None if there is none, or if ``hook`` defines it.
    :ivar base_url: Returns the address of the service if the connection names no host. "" if it must.
    :ivar is_http: Whether the service is reached over HTTP, so that proxies, certificates and tunnels apply.
    """

    name: str
    title: str
    service: str
    fields: Mapping[str, Field]
    extras: Mapping[str, Extra] = field(default_factory=dict)
    auth: Header | Bearer | Basic | None = None
    base_url: Callable[[Access], str] = _no_address
    is_http: bool = True

    def __post_init__(self) -> None:
        unknown = sorted(set(self.fields) - {"host", *_FIELDS})
        if unknown:
            raise ValueError(f"the connection type {self.name!r} has no field {unknown[0]!r} in Airflow")

    @property
    def hidden(self) -> list[str]:
        """Airflow's fields that are not used."""
        return [name for name in _FIELDS if name not in self.fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Facts about a destination for its page, in Markdown.

    :ivar title: Name of the product.
    :ivar docs: Address of the vendor's page.
    :ivar create: What must exist at the destination.
    :ivar connection: Type of the Airflow connection, and what to put into it.
    :ivar guarantee: What "delivered" means.
    :ivar duplicates: When an event may arrive twice, and how to identify repeats.
    :ivar old_events: What happens to old events.
    :ivar unseen: Losses at the destination that a sender cannot notice.
    :ivar losing: What receivers lose with their default configuration: receiver, what it does, setting to change.
    :ivar example: Its entry in the pipelines file, without ``type``.
    """

    title: str
    docs: str
    create: str
    connection: str
    guarantee: str
    duplicates: str
    old_events: str
    unseen: str
    losing: tuple[tuple[str, str, str], ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)


VICTORIALOGS_RETENTION = (
    "VictoriaLogs, every protocol",
    "keeps seven days: it answers success to events that are older, or more than two days in the future, and drops "
    "them, so a backfill stores nothing",
    "`-retentionPeriod` and `-futureRetention`, before a backfill",
)
"""A row of ``losing`` for each destination type that can send events to VictoriaLogs."""


def operator_name(destination: str) -> str:
    """Return the name of the operator's class."""
    return f"AuditLogsTo{destination.title().replace('_', '')}Operator"


def hook_name(destination: str) -> str:
    """Return the class name of a hook that is made from a description."""
    return f"{destination.title().replace('_', '')}Hook"


def _no_place(options: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSpec:
    """Everything that differs between destinations.

    :ivar name: Name of the type in the pipelines file.
    :ivar options: Frozen dataclass of its options, with ``default_conn_id`` and ``default_format``.
    :ivar connect: Returns the destination, ready to send. Its third argument is an :class:`Access` for HTTP, else the
        client that ``hook`` passes.
    :ivar about: The facts of its documentation page.
    :ivar connection: The connection type that this package adds for it. None if another provider has one.
    :ivar hook: Dotted path of the hook. By default, a hook is made from ``connection``.
    :ivar arguments: Options that are arguments of the operator; the others are keys of its ``options``.
    :ivar place: Returns the place in the destination that the options name, such as an index. "" for none.
    :ivar link_label: Label of the button that opens the events. "" for no button.
    :ivar link: Returns the address of the page that the button opens, "" if it is not known.
    """

    name: str
    options: type[Any]
    connect: Callable[[Any, Origin, Any, Form | None], Destination]
    about: About
    connection: ConnectionType | None = None
    hook: str = ""
    arguments: tuple[str, ...] = ()
    place: Callable[[Any], str] = _no_place
    link_label: str = ""
    link: Callable[[Any, Origin, Window, Access], str] | None = None

    def __post_init__(self) -> None:
        mistake = self._mistake()
        if mistake:
            raise ValueError(f"the destination {self.name!r} is incomplete: {mistake}")

    @property
    def operator_name(self) -> str:
        """Name of the operator's class."""
        return operator_name(self.name)

    @property
    def hook_path(self) -> str:
        """Dotted path of the hook's class."""
        return self.hook or f"audit_provider.hooks.destinations.{hook_name(self.name)}"

    @property
    def link_name(self) -> str:
        """Name of the link's class, "" for no button."""
        words = self.link_label.split()
        return "".join(word[0].upper() + word[1:] for word in words) + "Link" if words else ""

    def example(self) -> Any:
        """Return the options of the example on the documentation page.

        :raises ConfigurationError: the example is wrong.
        """
        return checked(self.options, self.about.example, f"the example of {self.name}")

    def meanings(self) -> dict[str, str]:
        """Return the meaning of each option, from the docstring of the options."""
        text = " ".join((self.options.__doc__ or "").split())
        return dict(re.findall(r":ivar (\w+): (.*?)(?= :ivar |$)", text))

    def _mistake(self) -> str:
        """Return what is missing or wrong, "" for nothing."""
        if not _NAME.fullmatch(self.name):
            return "its name must consist of lower-case letters, digits and '_'"
        if not dataclasses.is_dataclass(self.options):
            return "'options' must be a frozen dataclass"
        for name in ("default_conn_id", "default_format"):
            if not hasattr(self.options, name):
                return f"its options need {name!r} as a class variable"
        named = {each.name for each in dataclasses.fields(self.options)}
        undocumented = sorted(named - set(self.meanings()))
        if undocumented:
            return f"the docstring of its options needs ':ivar {undocumented[0]}:', which the reference page shows"
        unknown = [name for name in self.arguments if name not in named]
        if unknown:
            return f"'arguments' names {unknown[0]!r}, which is not one of its options"
        if self.connection is None and not self.hook:
            return "it needs 'connection', or the path of a 'hook' for a connection type of another provider"
        if self.connection is not None and "host" not in self.connection.fields:
            return "the 'fields' of its connection need 'host'"
        if (self.link is not None) and not self.link_label:
            return "'link' needs 'link_label', the button's text"
        empty = [each.name for each in dataclasses.fields(About) if getattr(self.about, each.name) == ""]
        return f"'about' needs {empty[0]!r}" if empty else ""
