"""Tokens of Microsoft Entra for Azure Monitor: by a client secret, or by an identity that azure-identity finds.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from audit_provider.core.errors import ConfigurationError, CredentialError, UnavailableError
from audit_provider.core.wire.auth import Token, TokenHolder
from audit_provider.core.wire.http import Answer
from audit_provider.core.wire.later import limit_said, means_later

if TYPE_CHECKING:
    from audit_provider.core.wire.http import HttpClient

Identity = Literal["managed_identity", "workload_identity", "default"]
"""What azure-identity looks for: the machine's identity, the Kubernetes service account's, or any that it knows."""

_WORDS_SHOWN = 300
_TRANSIENT = re.compile(r"temporarily[ _]unavailable|transient error|\bserver_error\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Microsoft's clouds.

    :ivar login: host that gives tokens. :ivar scope: OAuth scope of Azure Monitor.
    """

    login: str
    scope: str


CLOUDS = {
    "public": Cloud("login.microsoftonline.com", "https://monitor.azure.com/.default"),
    "usgov": Cloud("login.microsoftonline.us", "https://monitor.azure.us/.default"),
    "china": Cloud("login.chinacloudapi.cn", "https://monitor.azure.cn/.default"),
}
"""The clouds, by the name used on the connection."""


def client_secret(cloud: Cloud, scope: str = "") -> Token:
    """Return the client-credentials grant: client id as login, client secret as password, and ``tenant_id``.

    :param scope: instead of the cloud's own.
    """
    return Token(
        url=f"https://{cloud.login}/{{tenant_id}}/oauth2/v2.0/token",
        fields={"grant_type": "client_credentials", "scope": scope or cloud.scope},
        client="fields",
    )


def identity_token(
    identity: Identity, cloud: Cloud, client: HttpClient, *, client_id: str = "", tenant_id: str = "", scope: str = ""
) -> TokenHolder:
    """Return a holder whose tokens come from azure-identity.

    azure-identity sends these requests itself, with the environment's proxies and certificates, not the connection's.

    :param client: for the time and for redaction. :param client_id: of a user-assigned identity, or of the application.
    :param tenant_id: for ``workload_identity``; by default the environment's. :param scope: instead of the cloud's own.
    :raises ConfigurationError: the extra ``sentinel`` is not installed.
    """
    credential = _credential(identity, cloud, client_id, tenant_id)
    scope = scope or cloud.scope
    return TokenHolder(Token(url=""), client, lambda: _asked(credential, scope, identity, client))


def _credential(identity: Identity, cloud: Cloud, client_id: str, tenant_id: str) -> Callable[..., Any]:
    """Return a function that makes a credential. Each is used once, so that its cache cannot return a refused token."""
    try:
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential
    except ImportError:
        raise ConfigurationError(
            f"'auth: {identity}' needs azure-identity: pip install 'airflow-provider-audit-logs[sentinel]'."
        ) from None
    if identity == "managed_identity":
        return lambda **watched: ManagedIdentityCredential(client_id=client_id or None, **watched)
    if identity == "workload_identity":
        return lambda **watched: WorkloadIdentityCredential(
            client_id=client_id or None, tenant_id=tenant_id or None, authority=cloud.login, **watched
        )
    chosen = {"managed_identity_client_id": client_id, "workload_identity_client_id": client_id} if client_id else {}
    return lambda **watched: DefaultAzureCredential(authority=cloud.login, **chosen, **watched)


def _asked(credential: Callable[..., Any], scope: str, identity: Identity, client: HttpClient) -> Answer:
    from azure.core.exceptions import AzureError, ClientAuthenticationError

    statuses: list[int] = []

    def watch(response: Any) -> None:
        statuses.append(response.http_response.status_code)

    try:
        with closing(credential(raw_response_hook=watch)) as made:
            token = made.get_token(scope)
    except ClientAuthenticationError as error:
        if _passes(error, statuses):
            raise UnavailableError(
                f"azure-identity gave no token for 'auth: {identity}' ({_words(error, client)}): its service is busy "
                f"or down."
            ) from None
        raise CredentialError(
            f"azure-identity gave no token for 'auth: {identity}' ({_words(error, client)}): check the identity of the "
            f"machine that runs this task, and the connection's login (client id)."
        ) from None
    except AzureError as error:
        raise UnavailableError(
            f"azure-identity gave no token for 'auth: {identity}' ({_words(error, client)}): its service is down; "
            "everything is kept."
        ) from None
    except (ValueError, OSError) as error:
        raise ConfigurationError(
            f"azure-identity cannot be used for 'auth: {identity}' ({_words(error, client)}): set what it names on the "
            f"connection or in the environment of the task."
        ) from None
    found = {"access_token": token.token, "expires_in": token.expires_on}
    return Answer(200, {}, msgspec.json.encode(found), "azure-identity")


def _passes(error: Exception, statuses: list[int]) -> bool:
    """Whether the refusal of Entra, or of the machine's own endpoint for identities, is temporary.

    :param statuses: HTTP statuses of the answers, which the error itself does not hold.
    """
    said = str(error)
    return any(map(means_later, statuses[-1:])) or limit_said(said) or bool(_TRANSIENT.search(said))


def _words(error: Exception, client: HttpClient) -> str:
    return client.redact(" ".join(str(error).split()))[:_WORDS_SHOWN].rstrip(".")
