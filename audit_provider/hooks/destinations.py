"""The hooks of destinations, made from the description of each.

A destination names a hook of its own if its connection needs more than a description can say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.destinations.spec import DestinationSpec, hook_name
from audit_provider.core.model import Fields, Origin
from audit_provider.core.wire.auth import NoAuth, filler
from audit_provider.hooks.service import PROMPTLY, ServiceHook

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from audit_provider.core.destinations.base import Destination
    from audit_provider.core.destinations.spec import ConnectionType
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Window
    from audit_provider.core.wire.http import HttpClient

CHECK_ORIGIN = Origin("check", "check", Fields(id="id", time="time"))
"""Origin of the events that a check would send. None is sent."""


class DestinationHook(ServiceHook):
    """Session and credential of a destination, from its connection.

    :cvar spec: The destination that defines the connection type.
    """

    spec: ClassVar[DestinationSpec]
    conn_name_attr: ClassVar[str]
    default_conn_name: ClassVar[str]
    hook_name: ClassVar[str]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        connection = cls.spec.connection
        if connection is None:
            raise TypeError(f"the destination {cls.spec.name!r} brings no connection type, so it needs another hook.")
        cls.conn_type = connection.name
        cls.hook_name = connection.title
        cls.service = connection.service
        cls.default_conn_name = cls.spec.options.default_conn_id
        cls.own_extras = tuple(connection.extras)
        if "conn_name_attr" not in vars(cls):
            cls.conn_name_attr = "conn_id"

    def load(self) -> None:
        """Load the libraries that the destination needs, so that a later request does not wait for this.

        Nothing is sent, and the connection is not looked up.
        """

    @property
    def conn_id(self) -> str:
        """The connection's id."""
        return str(self.http_conn_id)

    @property
    def host(self) -> str:
        """The connection's host as it was entered, "" if it is empty."""
        return self.connection.host or ""

    def authentication(self) -> AuthBase:
        """Return what adds the credential, as the description says."""
        connection = self._type
        if connection.auth is None:
            return NoAuth()
        parts = {"login": self.connection.login or "", "password": self.token if self._has_password else ""}
        return connection.auth.bind(filler(parts, f"the connection {self.conn_id!r}"), self.outside)

    def secrets(self) -> tuple[str, ...]:
        """Return the password, if the connection has one."""
        return (self.token,) if self._has_password else ()

    def default_base_url(self) -> str:
        """Return the service's own address, "" if the connection must name one."""
        return self._type.base_url(self)

    def destination(self, options: Any, origin: Origin, form: Form | None = None, **client: Any) -> Destination:
        """Return the destination, ready to send.

        :param form: the format of its events.
        :param client: options of :class:`~audit_provider.core.wire.http.HttpClient`.
        :raises ConfigurationError: the connection cannot be used.
        """
        return self.spec.connect(options, origin, _Access(self, client), form)

    def endpoint(self, options: Any) -> str:
        """Return the address of the destination, without secrets.

        :raises ConfigurationError: the connection cannot be used.
        """
        place = self.spec.place(options)
        return f"{self.shown_address()}/{place}" if place else self.shown_address()

    def confirm(self, options: Any) -> None:
        """Confirm that the connection exists and contains what it must. Nothing is sent.

        :raises AuditError: it cannot be used.
        """
        self.shown_address()
        self.secrets()

    def link(self, options: Any, origin: Origin, times: Window) -> str:
        """Return the page that shows what was shipped, or "" if its address is not known.

        :param options: of the destination. :param times: time range of the events to show.
        :raises ConfigurationError: the connection cannot be used.
        """
        return self.spec.link(options, origin, times, _Access(self, {})) if self.spec.link else ""

    def check(self) -> str:
        """Test the connection, with the default options, or with those of the documentation if some are required."""
        try:
            options = self.spec.options()
        except TypeError:
            options = self.spec.example()
        return self.destination(options, CHECK_ORIGIN, **PROMPTLY).check()

    @property
    def _type(self) -> ConnectionType:
        connection = self.spec.connection
        if connection is None:
            raise TypeError(f"{self.spec.name!r} has no connection type, so it has no hook of its own.")
        return connection

    @property
    def _has_password(self) -> bool:
        return "password" in self._type.fields


class _Access:
    """The connection in the form of :class:`~audit_provider.core.destinations.spec.Access`."""

    def __init__(self, hook: DestinationHook, options: dict[str, Any]) -> None:
        self.conn_id, self.host = hook.conn_id, hook.host
        self.address, self.extra, self.flag, self.page_extra = hook.address, hook.extra, hook.flag, hook.page_extra
        self._hook = hook
        self._options = options

    def client(self, base_url: str = "") -> HttpClient:
        return self._hook.client(base_url, **self._options)


def hook_of(spec: DestinationSpec) -> type[DestinationHook]:
    """Return the hook of a destination whose description is complete."""
    _, _, name = spec.hook_path.rpartition(".")
    text = f"""Session and credential for {spec.about.title}.

    Example::

        hook = {name}("{spec.options.default_conn_id}")
        ok, message = hook.test_connection()

    :param conn_id: Connection of type ``{spec.connection.name if spec.connection else ""}``.
    """

    def initialize(self: Any, conn_id: str = spec.options.default_conn_id) -> None:
        DestinationHook.__init__(self, conn_id)

    return type(
        name, (DestinationHook,), {"spec": spec, "__doc__": text, "__module__": __name__, "__init__": initialize}
    )


def __getattr__(name: str) -> Any:
    for each in DESTINATIONS:
        if hook_name(each) == name and not DESTINATIONS[each].hook:
            # Airflow finds a hook by the dotted path of its class, so it stays a name of this module.
            globals()[name] = hook_of(DESTINATIONS[each])
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
