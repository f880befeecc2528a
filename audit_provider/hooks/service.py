"""From an Airflow connection to a session: the shared part of this provider's HTTP hooks."""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import requests
from airflow.providers.common.compat.sdk import BaseHook
from airflow.sdk.log import mask_secret

from audit_provider.core.errors import AuditError, ConfigurationError
from audit_provider.core.records.links import checked_page
from audit_provider.core.wire.addresses import GuardedAdapter, base_url_from, refuse_host
from audit_provider.core.wire.auth import NoAuth
from audit_provider.core.wire.http import HttpClient
from audit_provider.core.wire.ssh import TunnelAdapter
from audit_provider.get_provider_info import get_provider_info
from audit_provider.hooks.ssh import ssh_connection
from audit_provider.host.connection import connection_of
from audit_provider.version import __version__

if TYPE_CHECKING:
    from airflow.providers.http.hooks.http import HttpHook
    from airflow.sdk import Connection
    from requests.auth import AuthBase

    from audit_provider.core.model import Origin, Window

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
PROMPTLY: dict[str, Any] = {"tries": 2, "patience": 5.0}
"""Options of a client for the Test button, or for a request that needs a token: neither may wait for long."""

_SESSION_EXTRAS = ("verify", "ca", "proxies", "cert", "allow_http", "allow_link_local", "trust_env", "ssh_conn_id")


class DescribedForm:
    """The form as the provider's info describes it. Airflow 3.1 asks the hook, later versions read the info."""

    conn_type: str

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, PasswordField, StringField
        from wtforms.validators import any_of

        def field(described: dict[str, Any]) -> Any:
            label, schema = described["label"], described["schema"]
            about = {"description": described["description"]}
            if "boolean" in schema["type"]:
                return BooleanField(label, default=schema.get("default"), **about)
            if schema.get("format") == "password":
                return PasswordField(label, widget=BS3PasswordFieldWidget(), **about)
            choice = {"validators": [any_of(schema["enum"])]} if "enum" in schema else {}
            return StringField(label, widget=BS3TextFieldWidget(), **choice, **about)

        return {name: field(each) for name, each in cls._described()["conn-fields"].items()}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows Airflow's fields."""
        behaviour: dict[str, Any] = cls._described()["ui-field-behaviour"]
        return behaviour

    @classmethod
    def _described(cls) -> dict[str, Any]:
        kinds = get_provider_info()["connection-types"]
        return next(each for each in kinds if each["connection-type"] == cls.conn_type)


class ServiceHook(DescribedForm, BaseHook):
    """An HTTP service with a token.

    Its connection has the keys of Airflow's HTTP provider for proxy, TLS and certificates, and :attr:`http_hook` is
    that provider's hook for your own requests. The extra ``ssh_conn_id`` sends everything through an SSH server. No
    hook connects to a cloud's metadata service, nor to another link-local address unless the extra ``allow_link_local``
    allows it.

    A subclass defines its connection type, its service, its own extras and how the token is sent.
    """

    service: ClassVar[str]
    session_extras: ClassVar[tuple[str, ...]] = _SESSION_EXTRAS
    own_extras: ClassVar[tuple[str, ...]] = ()

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.http_conn_id = conn_id

    @functools.cached_property
    def http_hook(self) -> HttpHook:
        """The hook of Airflow's HTTP provider with this connection's session, for your own requests.

        Example: ``AuditLogsHook("pylon_default").http_hook.run("/me")``.
        """
        # Its module also imports aiohttp for its asynchronous hook, which would be a third of a task's imports.
        from audit_provider.hooks.http_requests import RequestsHook

        return RequestsHook(self.http_conn_id, lambda: self.through_tunnel(self.get_conn()), self.address)

    def run(self, endpoint: str | None = None, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request of your own; see ``HttpHook.run`` of Airflow's HTTP provider."""
        response: requests.Response = self.http_hook.run(endpoint, *args, **kwargs)
        return response

    @functools.cached_property
    def connection(self) -> Connection:
        """The connection, with its extras checked.

        :raises ConfigurationError: it does not exist, is of another type, or has an unknown extra, which may be a
            typing error.
        :raises UnavailableError: Airflow does not say whether it exists.
        """
        connection: Connection = connection_of(self.http_conn_id, repr(self.conn_type))
        if connection.conn_type != self.conn_type:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} is of type {connection.conn_type!r}, not {self.conn_type!r}."
            )
        for key in connection.extra_dejson:
            if not self.is_known_extra(key):
                known = (*self.session_extras, *self.known_extras())
                raise ConfigurationError(
                    f"the connection {self.http_conn_id!r} has an extra {key!r} that {self.service} does not know; "
                    f"known are {', '.join(sorted(known))}."
                )
        return connection

    def known_extras(self) -> tuple[str, ...]:
        """Return the extras of this service."""
        return self.own_extras

    def is_known_extra(self, key: str) -> bool:
        """Whether the connection's extra may have a key."""
        return key in self.session_extras or key in self.known_extras()

    @property
    def token(self) -> str:
        """The connection's password.

        :raises ConfigurationError: it is empty.
        """
        token = (self.connection.password or "").strip()
        if not token:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has no password: put the token of {self.service} into it."
            )
        return token

    def extra(self, key: str, default: Any = None) -> Any:
        """Return an extra; an empty text from the form counts as absent."""
        value = self._extras.get(key)
        return default if value is None or value == "" else value

    @functools.cached_property
    def _extras(self) -> dict[str, Any]:
        # Airflow decodes and masks them again at each access.
        return dict(self.connection.extra_dejson)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return an extra that is true or false, even if a connection URI made it a text.

        :raises ConfigurationError: it is neither true nor false.
        """
        value = self.extra(key, default)
        if isinstance(value, bool):
            return value
        if str(value).lower() in _TRUE | _FALSE:
            return str(value).lower() in _TRUE
        raise ConfigurationError(f"the extra {key!r} of the connection {self.http_conn_id!r} must be true or false.")

    def default_base_url(self) -> str:
        """Return the address that is used if the connection has none; "" if the connection must have one."""
        return ""

    def authentication(self) -> AuthBase:
        """Return how the token is sent."""
        raise NotImplementedError

    def address(self) -> str:
        """Return the base URL.

        :raises ConfigurationError: it cannot be used.
        """
        connection = self.connection
        try:
            return base_url_from(
                connection.host,
                scheme=connection.schema,
                port=connection.port,
                default=self.default_base_url(),
                allow_http=self.flag("allow_http"),
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"connection {self.http_conn_id!r}: {error}") from None

    def shown_address(self) -> str:
        """Return the base URL as it may be shown to people.

        :raises ConfigurationError: it cannot be used.
        """
        return self.address()

    def link(self, options: Any, origin: Origin, times: Window) -> str:
        """Return the page that shows what was shipped, or "" if its address is not known.

        :param options: of the destination. :param times: time range of the events to show.
        :raises ConfigurationError: the connection cannot be used.
        """
        return ""

    def page_extra(self, key: str) -> str:
        """Return an extra that is the address of a page for people; "" if the connection has none.

        :raises ConfigurationError: it is not an address, or has a part that may contain credentials.
        """
        url = self.extra(key, "")
        return checked_page(str(url), f"the extra {key!r} of the connection {self.http_conn_id!r}") if url else ""

    def secrets(self) -> tuple[str, ...]:
        """Return the parts of the connection that must never be shown: its secrets."""
        return (self.token,)

    def client(self, base_url: str = "", **options: Any) -> HttpClient:
        """Return a client for the service.

        :param base_url: used instead of the connection's address. :param options: of :class:`HttpClient`.
        :raises ConfigurationError: the connection cannot be used.
        """
        base_url = self._allowed(base_url or self.address())
        session = self.through_tunnel(self.get_conn())
        return HttpClient(session, base_url, service=self.service, secrets=self._masked(), **options)

    def outside(self, base_url: str, **options: Any) -> HttpClient:
        """Return a client for ``base_url`` that sends no credential, over the connection's proxies or tunnel."""
        base_url = self._allowed(base_url or self.address())
        session = self.through_tunnel(self._guarded(requests.Session()))
        self._configure_from_extra(session)
        session.auth = NoAuth()
        options = {**options, "pacer": None}
        return HttpClient(session, base_url, service=self.service, secrets=self._masked(), **options)

    def get_conn(self) -> requests.Session:
        """Return a session that sends the credential, and connects to no forbidden address.

        :raises ConfigurationError: the connection cannot be used.
        """
        self._allowed(self.address())
        session = self._guarded(requests.Session())
        session.auth = self.authentication()
        session.headers["User-Agent"] = f"airflow-provider-audit-logs/{__version__}"
        self._configure_from_extra(session)
        return session

    def _guarded(self, session: requests.Session) -> requests.Session:
        adapter = GuardedAdapter(allow_link_local=self.flag("allow_link_local"))
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)
        return session

    def _allowed(self, base_url: str) -> str:
        """Return an address if requests to it are allowed.

        :raises ConfigurationError: it is forbidden, such as a metadata service.
        """
        refuse_host(urlsplit(base_url).hostname or "", allow_link_local=self.flag("allow_link_local"))
        return base_url

    def _masked(self) -> tuple[str, ...]:
        """Return the secrets, including those of the proxies. Airflow masks them in its logs too."""
        secrets = tuple(filter(None, (*self.secrets(), *self._proxy_passwords())))
        for secret in secrets:
            mask_secret(secret)
        return secrets

    def _proxy_passwords(self) -> list[str]:
        proxies = self.extra("proxies", {})
        urls = proxies.values() if isinstance(proxies, dict) else ()
        return [urlsplit(url).password or "" for url in urls if isinstance(url, str)]

    def through_tunnel(self, session: requests.Session) -> requests.Session:
        """Send a session's requests through SSH if the extra ``ssh_conn_id`` names a connection; return the session.

        The first request opens the tunnel. It is closed with the last session that uses it.

        :raises ConfigurationError: that connection cannot be used, or there are proxies as well.
        """
        if self._tunnel is not None:
            session.mount("http://", self._tunnel)
            session.mount("https://", self._tunnel)
        return session

    @functools.cached_property
    def _tunnel(self) -> TunnelAdapter | None:
        conn_id = self.extra("ssh_conn_id")
        if conn_id is None:
            return None
        if self.extra("proxies"):
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has both 'ssh_conn_id' and 'proxies' in its extra: keep one of "
                "them."
            )
        ssh = ssh_connection(conn_id)
        tunnel = TunnelAdapter(ssh, allow_link_local=self.flag("allow_link_local"))
        weakref.finalize(tunnel, ssh.close)
        return tunnel

    def check(self) -> str:
        """Test the credential and return what was seen.

        :raises AuditError: it does not work.
        """
        raise NotImplementedError

    def test_connection(self) -> tuple[bool, str]:
        """Answer the Test button."""
        try:
            return True, self.check()
        except AuditError as error:
            return False, str(error)

    def _configure_from_extra(self, session: requests.Session) -> None:
        """Apply the connection's certificates and proxies to a session.

        :raises ConfigurationError: an extra cannot be used.
        """
        session.verify = self._verify()
        session.proxies = self.extra("proxies", {})
        cert = self.extra("cert")
        session.cert = tuple(cert) if isinstance(cert, list) else cert
        session.trust_env = self.flag("trust_env", default=True)
        if not isinstance(session.proxies, dict):
            raise ConfigurationError(
                f"the extra 'proxies' of the connection {self.http_conn_id!r} must map schemes to addresses."
            )

    def _verify(self) -> bool | str:
        """Return whether certificates are verified, or the path of the trusted ones."""
        # Airflow's HTTP provider takes the path of a CA bundle as 'verify'.
        verify, ca = self.extra("verify", True), self.extra("ca", "")
        bundle = str(verify) if str(verify).lower() not in _TRUE | _FALSE else ""
        if not ca:
            return bundle or self.flag("verify", default=True)
        if bundle or not self.flag("verify", default=True):
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has a 'ca' in its extra, and 'verify' is {verify!r}: keep one "
                "of them."
            )
        return str(ca)
