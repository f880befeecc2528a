"""The connection type ``azure_logs_ingestion``: Azure Monitor's Logs Ingestion API, which fills Microsoft Sentinel."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, get_args

from airflow.sdk.log import mask_secret
from requests import Request

from audit_provider.core.destinations.sentinel import SENTINEL, SentinelOptions
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.text.validation import checked, near
from audit_provider.core.wire.auth import TokenHolder, filler
from audit_provider.core.wire.entra import CLOUDS, Identity, client_secret, identity_token
from audit_provider.hooks.destinations import CHECK_ORIGIN, DestinationHook
from audit_provider.hooks.service import PROMPTLY

if TYPE_CHECKING:
    from audit_provider.core.wire.entra import Cloud
    from audit_provider.core.wire.http import HttpClient

_SECRET = "client_secret"  # noqa: S105 - the name of a way to authenticate
_TENANT = re.compile(r"[0-9A-Za-z.-]+")


class AzureLogsIngestionHook(DestinationHook):
    """Session and credential for a logs ingestion endpoint, from a connection of type ``azure_logs_ingestion``.

    Example::

        hook = AzureLogsIngestionHook("azure_logs_ingestion_default")
        ok, message = hook.test_connection()

    :param azure_logs_ingestion_conn_id: Connection: host (address of the data collection rule or endpoint), login
        (client id), password (client secret), extras ``tenant_id``, ``cloud`` (``public``, ``usgov``, ``china``),
        ``auth`` (``client_secret``; with the optional extra ``sentinel`` also ``managed_identity``,
        ``workload_identity``, ``default``), ``scope`` and ``token_url`` to override Azure's own, ``rule_id`` and
        ``stream`` for the Test, ``workspace`` (resource id of the Log Analytics workspace, for links), ``verify``,
        ``proxies``, ``cert``, ``allow_http``.
    """

    spec = SENTINEL
    conn_name_attr = "azure_logs_ingestion_conn_id"

    def __init__(self, azure_logs_ingestion_conn_id: str = SENTINEL.options.default_conn_id) -> None:
        super().__init__(azure_logs_ingestion_conn_id)

    @property
    def token(self) -> str:
        """The client secret; "" if another identity gets the tokens.

        :raises ConfigurationError: it is empty and needed.
        """
        secret = (self.connection.password or "").strip()
        if not secret and self._way == _SECRET:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has no password: put the client secret there, or set 'auth' in "
                f"its extra."
            )
        return secret

    def address(self) -> str:
        """Return the endpoint.

        :raises ConfigurationError: it cannot be used, or belongs to the retired HTTP Data Collector API.
        """
        address = super().address()
        if ".ods.opinsights." in address:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} names the HTTP Data Collector API, which is retired: use the "
                f"logs ingestion endpoint of a data collection rule."
            )
        return address

    def client(self, base_url: str = "", **options: Any) -> HttpClient:
        """Return a client for the service. See :meth:`ServiceHook.client`."""
        client = super().client(base_url, **options)
        self._auth.hides += [client.hide, mask_secret]
        return client

    def authentication(self) -> TokenHolder:
        """Return what fetches and sends Entra's tokens."""
        return self._auth

    def check(self) -> str:
        """Fetch a token; if the extra names a rule and a stream, post an empty array to them."""
        named = {key: self.extra(key) for key in ("rule_id", "stream") if self.extra(key)}
        if named:
            options = checked(SentinelOptions, named, f"the extra of the connection {self.http_conn_id!r}")
            return self.destination(options, CHECK_ORIGIN, **PROMPTLY).check()
        self._auth(Request("POST", self.address()).prepare())
        return (
            "Microsoft Entra issues a token; set 'rule_id' and 'stream' in the extra to also test the data collection "
            "rule."
        )

    @property
    def _way(self) -> str:
        way: str = self.extra("auth", _SECRET)
        if way not in (known := (_SECRET, *get_args(Identity))):
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has the unknown 'auth' {way!r}{near(way, known)}."
            )
        return way

    @property
    def _cloud(self) -> Cloud:
        name: str = self.extra("cloud", "public")
        if name not in CLOUDS:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has the unknown 'cloud' {name!r}{near(name, CLOUDS)}."
            )
        return CLOUDS[name]

    @functools.cached_property
    def _auth(self) -> TokenHolder:
        way, cloud, scope = self._way, self._cloud, self.extra("scope", "")
        login, tenant = (self.connection.login or "").strip(), str(self.extra("tenant_id", ""))
        if tenant and not _TENANT.fullmatch(tenant):
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} has an invalid 'tenant_id': set it to the Microsoft Entra "
                "directory (tenant) ID."
            )
        if way != _SECRET:
            return identity_token(
                way,  # type: ignore[arg-type]
                cloud,
                self.outside(""),
                client_id=login,
                tenant_id=tenant,
                scope=scope,
            )
        style = client_secret(cloud, scope)
        if url := self.extra("token_url"):
            style = style.at(url)
        parts = {"login": login, "password": self.token, "tenant_id": tenant}
        # Few tries: the shipping loop has its own, and waits like a task.
        outside = functools.partial(self.outside, **PROMPTLY)
        return style.bind(filler(parts, f"the connection {self.http_conn_id!r}"), outside)
