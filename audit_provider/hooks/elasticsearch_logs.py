"""The connection type ``elasticsearch_logs``: an Elasticsearch or OpenSearch cluster that takes logs."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowException

from audit_provider.core.destinations.elasticsearch import ELASTICSEARCH
from audit_provider.core.destinations.elasticsearch_check import check_access
from audit_provider.core.destinations.elasticsearch_templates import Product, install_template
from audit_provider.core.errors import ConfigurationError
from audit_provider.core.wire.auth import HeaderAuth
from audit_provider.core.wire.signatures import AwsSignature
from audit_provider.hooks.destinations import DestinationHook
from audit_provider.hooks.service import PROMPTLY
from audit_provider.host.connection import connection_of

if TYPE_CHECKING:
    from requests.auth import AuthBase

_STYLES = ("api_key", "basic", "aws")
_AWS_SERVICES = ("es", "aoss")
_AWS_HOST = re.compile(r"\.([a-z0-9-]+)\.(es|aoss)\.amazonaws\.com(\.cn)?$")


class ElasticsearchLogsHook(DestinationHook):
    """Session and credential for an Elasticsearch or OpenSearch cluster, from a connection of type
    ``elasticsearch_logs``.

    Example::

        hook = ElasticsearchLogsHook("elasticsearch_logs_default")
        ok, message = hook.test_connection()

    :param elasticsearch_logs_conn_id: Connection: host (base URL, for example ``https://search.example.com:9200``); the
        extra ``auth`` is ``api_key`` (password: the encoded key, or ``id:key``; default without a login), ``basic``
        (login and password; default with a login), or ``aws`` (extras ``aws_conn_id``, ``region``, and ``service``:
        ``es`` or ``aoss``); other extras ``discover_url`` (address of Discover in Kibana or Dashboards, for links),
        ``verify``, ``proxies``, ``cert``, ``allow_http``.
    """

    spec = ELASTICSEARCH
    conn_name_attr = "elasticsearch_logs_conn_id"

    def __init__(self, elasticsearch_logs_conn_id: str = ELASTICSEARCH.options.default_conn_id) -> None:
        super().__init__(elasticsearch_logs_conn_id)

    @property
    def style(self) -> str:
        """How the credential is sent.

        :raises ConfigurationError: the extra ``auth`` has an unknown value.
        """
        style: str = self.extra("auth", "basic" if self.connection.login else "api_key")
        if style not in _STYLES:
            raise ConfigurationError(
                f"the extra 'auth' of the connection {self.http_conn_id!r} is {style!r}; known are "
                f"{', '.join(_STYLES)}."
            )
        return style

    def authentication(self) -> AuthBase:
        """Return the header of an API key or of a login, or the signature of AWS.

        :raises ConfigurationError: the connection lacks a part.
        """
        if self.style == "aws":
            return self._aws_signature()
        return HeaderAuth({"Authorization": self._authorization()})

    def secrets(self) -> tuple[str, ...]:
        """Return the credential in each of its forms."""
        if self.style == "aws":
            return ()
        # An API key may be written "id:key", so its second part is secret; in a password, a colon has no meaning.
        key = self.token.partition(":")[2] if self.style == "api_key" else ""
        return (self._authorization().partition(" ")[2], self.token, key)

    def install_template(self, target: str = "", product: Literal["auto", Product] = "auto") -> str:
        """Install the index template of this package; return what was done. Shipping works without it.

        :param target: a data stream of your own; by default all with names like ``logs-saas_audit.<source>-…``.
        :param product: needed if ``GET /`` does not show which product it is.
        :raises AuditError: the credential lacks ``manage_index_templates``, or the cluster refuses the template.
        """
        return install_template(self.client(**PROMPTLY), product=product, target=target)

    def check(self) -> str:
        """Ask whose credential it is, which needs no other right."""
        return check_access(self.client(**PROMPTLY))

    def _authorization(self) -> str:
        login, password = self.connection.login or "", self.token
        if self.style == "basic":
            if not login:
                raise ConfigurationError(
                    f"the connection {self.http_conn_id!r} has no login: set it, or 'auth' to 'api_key' in its extra."
                )
            return "Basic " + b64encode(f"{login}:{password}".encode()).decode()
        pair = f"{login}:{password}" if login else password
        return "ApiKey " + (b64encode(pair.encode()).decode() if ":" in pair else pair)

    def _aws_signature(self) -> AwsSignature:
        found = _AWS_HOST.search(self.address().partition("://")[2].split("/")[0].split(":")[0])
        service = self.extra("service", found[2] if found else "es")
        if service not in _AWS_SERVICES:
            raise ConfigurationError(
                f"the extra 'service' of the connection {self.http_conn_id!r} is {service!r}; known are "
                f"{', '.join(_AWS_SERVICES)}."
            )
        region = self.extra("region", found[1] if found else None)
        session = self._aws_session(region)
        region = region or session.region_name
        if not region:
            raise ConfigurationError(
                f"the connection {self.http_conn_id!r} names no AWS region: set 'region' in its extra."
            )
        return AwsSignature(session.get_credentials, region, service)

    def _aws_session(self, region: str | None) -> Any:
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
        from botocore.exceptions import BotoCoreError, ClientError

        conn_id = self.extra("aws_conn_id")
        try:
            if conn_id:
                # If this connection is missing, the Amazon provider uses the machine's own role, and only logs a
                # warning.
                connection_of(conn_id, "'aws'")
            aws: Any = AwsGenericHook(aws_conn_id=conn_id or "aws_default", region_name=region)
            return aws.get_session(region_name=region)
        except (AirflowException, BotoCoreError, ClientError) as error:
            raise ConfigurationError(
                f"the connection {conn_id or 'aws_default'!r} gives no AWS session ({type(error).__name__}): check "
                f"'aws_conn_id' in the extra of {self.http_conn_id!r}, and that connection's keys or role."
            ) from None
