"""The connection type ``audit_logs``: a SaaS product's audit-log API."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from airflow.sdk.log import mask_secret

from audit_provider.core.errors import ConfigurationError, ProtocolError
from audit_provider.core.ledger.account import check_value, fingerprint
from audit_provider.core.records.fields import text_at
from audit_provider.core.sources import REGISTRY
from audit_provider.core.sources.pages import PageReader
from audit_provider.core.sources.request import Request
from audit_provider.core.text.templates import filled, names_in
from audit_provider.core.wire.assertion import Assertion
from audit_provider.core.wire.auth import Basic, Token, TokenHolder, basic, filler
from audit_provider.core.wire.http import HttpClient
from audit_provider.hooks.service import PROMPTLY, ServiceHook
from audit_provider.host.pipelines import settings_of

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from audit_provider.core.sources import SourceSpec

_IS_SECRET = re.compile(r"\b(secret|token)\b", re.IGNORECASE)
"""Found in a source's description of its login if the login is a secret."""


class AuditLogsHook(ServiceHook):
    """Session and credential for a source's audit-log API, from a connection of type ``audit_logs``.

    Example::

        hook = AuditLogsHook("pylon_default", source="pylon")
        ok, message = hook.test_connection()

    :param audit_logs_conn_id: Connection: host (default: the source's own), login and password as the source needs
        them, extras ``source``, ``token_url``, ``same_account``, the source's settings, ``verify``, ``proxies``,
        ``cert``, ``allow_http``.
    :param source: The source to read. None uses the extra ``source``, or the source whose host the connection has.
    :param settings: The source's settings; they override those of the connection.
    """

    conn_name_attr = "audit_logs_conn_id"
    default_conn_name = "audit_logs_default"
    conn_type = "audit_logs"
    hook_name = "Audit logs (SaaS API)"
    service = "the audit-log API"
    own_extras: ClassVar[tuple[str, ...]] = ("source", "token_url", "same_account")

    def __init__(
        self,
        audit_logs_conn_id: str = default_conn_name,
        source: SourceSpec | str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(audit_logs_conn_id)
        self._source = source
        self._settings = dict(settings or {})

    @functools.cached_property
    def spec(self) -> SourceSpec:
        """The source that this connection is for.

        :raises ConfigurationError: the connection does not say.
        """
        if self._source is not None and not isinstance(self._source, str):
            return self._source
        name = self._source or self.extra("source")
        if name is None:
            for spec in REGISTRY.values():
                hosts = {urlsplit(url).hostname for url in (spec.base_url, *spec.regions.values()) if url}
                if urlsplit(f"//{(self.connection.host or '').rpartition('//')[2]}").hostname in hosts:
                    return spec
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} does not say which source it is for: set 'source' in its extra "
                f"to one of {', '.join(sorted(REGISTRY))}."
            )
        if name not in REGISTRY:
            raise ConfigurationError(f"there is no source {name!r}; known are {', '.join(sorted(REGISTRY))}.")
        return REGISTRY[name]

    def known_extras(self) -> tuple[str, ...]:
        """Return the extras that the connection may have."""
        return (
            *self.own_extras,
            *self._own_settings(),
            *(name for spec in REGISTRY.values() for name in spec.settings),
        )

    def is_known_extra(self, key: str) -> bool:
        """Whether the connection may have this extra: one of this source, or else of any other source."""
        return key in (*self.own_extras, *self._own_settings()) or super().is_known_extra(key)

    def _own_settings(self) -> Mapping[str, Any]:
        return self._source.settings if self._source is not None and not isinstance(self._source, str) else {}

    def settings(self) -> dict[str, str]:
        """Return the source's settings, from the pipeline, the connection's extra, or their defaults.

        :raises ConfigurationError: one is missing.
        """
        found: dict[str, str] = {}
        for name, setting in self.spec.settings.items():
            value = self._settings.get(name) or self.extra(name) or setting.default
            if value is None:
                raise ConfigurationError(
                    f"{self.spec.title} needs the setting {name!r} ({setting.meaning}): set it under 'settings' of the "
                    f"pipeline, or in the extra of the connection {self.http_conn_id!r}."
                )
            found[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        return found

    def account(self) -> str:
        """Return what identifies this account: a short digest of the address, the settings and the login.

        It contains no secret, so a renewed token is the same account. If the address, settings or login have changed
        and the account has not, the extra ``same_account`` replaces the digest.

        :raises ConfigurationError: the connection cannot be used, or a setting is missing.
        """
        given = self.extra("same_account")
        if given is not None:
            return str(given)
        spec = self.spec
        # The setting that lists the logs of an account does not identify the account.
        shown = {
            name: value
            for name, value in self.settings().items()
            if not spec.settings[name].secret and name != spec.each
        }
        login = (self.connection.login or "").strip()
        secret = "login" in names_in(getattr(spec.auth, "headers", {})) or _IS_SECRET.search(
            spec.credential.get("login", "")
        )
        return fingerprint(self.address(), shown, "" if secret else login)

    def credential_check(self) -> str:
        """Return the check value of the credential; "" if the source does not say how to ask for the account's id.

        If a token is fetched with the credential, the check value is of what fetches it.

        :raises ConfigurationError: the connection cannot be used, or a setting is missing.
        """
        spec = self.spec
        if spec.probe is None or not spec.probe.account:
            return ""
        values = self.settings()
        secrets = [values[name] for name in sorted(values) if spec.settings[name].secret]
        return check_value([self.connection.login or "", self.token, *secrets], self.extra("token_url", ""))

    def account_id(self) -> str:
        """Ask the vendor for the account's id; return "" if the source does not say where it is given.

        :raises AuditError: the vendor does not give it.
        """
        probe = self.spec.probe
        if probe is None or not probe.account:
            return ""
        pages = self.pages(**PROMPTLY)
        answer = pages.ask(Request("GET", (pages.spec.probe or probe).path), None)
        found = answer.json()
        account_id = text_at(found, probe.account) if isinstance(found, Mapping) else ""
        if not account_id:
            raise ProtocolError(f"{answer.where} answered {answer.status} without {probe.account!r}.")
        return account_id

    def pages(self, spec: SourceSpec | None = None, *, client: HttpClient | None = None, **options: Any) -> PageReader:
        """Return a reader of the source's pages.

        :param spec: another source over the same connection, for recovery.
        :param client: an open client to reuse.
        :param options: of :class:`~audit_provider.core.wire.http.HttpClient`.
        """
        spec, values = spec or self.spec, self.settings()
        logs: dict[str, SourceSpec] = {}
        if spec.each:
            names = filter(None, map(str.strip, values[spec.each].split(",")))
            logs = {name: spec.with_settings({**values, spec.each: name}) for name in names}
            if not logs:
                raise ConfigurationError(f"the setting {spec.each!r} of {spec.title} names none: name at least one.")
        filled = next(iter(logs.values()), None) or spec.with_settings(values)
        return PageReader(
            filled, client or self.client(**options), functools.partial(self.outside, **options), each=logs
        )

    def page_url(self) -> str:
        """Return the vendor's page of this log, or "" if its address is not known.

        :raises ConfigurationError: the connection cannot be used, or a setting is missing.
        """
        spec, address = self.spec, self.address()
        if not spec.page_url:
            return ""
        built_in = spec.name in REGISTRY and REGISTRY[spec.name].page_url == spec.page_url
        if built_in and "host" not in names_in(spec.page_url) and address != spec.base_url and spec.base_url:
            # Another host is another region or a private installation, which has a page of its own.
            return ""
        shown = {name: value for name, value in self.settings().items() if not spec.settings[name].secret}
        url: str = filled(spec.page_url, {"host": urlsplit(address).netloc})
        return str(filled(url, shown, quoted=True))

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets of the connection: the password, secret settings, a login that is sent as a key."""
        found = [self.token]
        if "login" in names_in(getattr(self.spec.auth, "headers", {})):
            found.append(self.connection.login or "")
        values, style = self.settings(), self.spec.auth
        parts = {"login": self.connection.login or "", "password": self.token, **values}
        # Basic authentication sends the pair in base64, in which a search for either part finds nothing.
        if isinstance(style, Basic):
            found.append(basic(str(filled(style.login, parts)), str(filled(style.password, parts))))
        elif isinstance(style, Token):
            found.append(basic(parts["login"], self.token))
        found.extend(each.partition(" ")[2] for each in found if each.startswith("Basic "))
        return (*found, *(values[name] for name, setting in self.spec.settings.items() if setting.secret))

    def client(self, base_url: str = "", **options: Any) -> HttpClient:
        """Return a client for the service. See :meth:`ServiceHook.client`."""
        client = super().client(base_url, **options)
        if isinstance(self._auth, TokenHolder):
            self._auth.hides += [client.hide, mask_secret]
        return client

    def default_base_url(self) -> str:
        """Return the vendor's host."""
        return self.spec.base_url

    def authentication(self) -> AuthBase:
        """Return how this source's credential is sent."""
        return self._auth

    @functools.cached_property
    def _auth(self) -> AuthBase:
        connection, style = self.connection, self.spec.auth
        parts = {"login": connection.login or "", "password": self.token, **self.settings()}
        fill = filler(parts, f"the connection {self.http_conn_id!r}")
        url = self.extra("token_url")
        if isinstance(style, Assertion | Token) and url:
            # The user decides where tokens come from; the same rules as for a host apply.
            try:
                style = style.at(url)
            except ConfigurationError as error:
                raise ConfigurationError(f"connection {self.http_conn_id!r}: {error}") from None
        # A token is requested in the middle of another request, which is retried, so this one does not retry for long.
        return style.bind(fill, functools.partial(self.outside, **PROMPTLY))

    def check(self) -> str:
        """Ask the vendor whose token it is, and for a page. Settings that the connection lacks come from a pipeline."""
        if not self._settings:
            self._settings = dict(settings_of(self.http_conn_id, self.spec.name))
        return self.pages(**PROMPTLY).probe()
