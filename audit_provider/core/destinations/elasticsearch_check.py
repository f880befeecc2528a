"""Check whether Elasticsearch or OpenSearch accepts a credential, without any permission on data.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-authenticate
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from audit_provider.core.destinations.answers import refuse_later
from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError

if TYPE_CHECKING:
    from audit_provider.core.wire.http import Answer, HttpClient

_JSON = {"Accept": "application/json"}
_ANY_STREAM = "logs-*"


def check_access(client: HttpClient, target: str = "") -> str:
    """Return a sentence that says which user the credential belongs to, once ``_bulk`` has answered at the target.

    Elasticsearch says which user it is, and whether it may create documents in ``target``. OpenSearch and its
    serverless variant get ``GET /``, then a ``HEAD`` of the target; a 403 that names the user is sufficient proof of
    the credential.

    :param target: index or data stream; "" tests only the credential.
    :raises CredentialError: the credential is refused, or may not write.
    :raises ConfigurationError: the host is not the cluster's.
    :raises ProtocolError: ``/<target>/_bulk`` is not answered as the cluster answers it.
    """
    said = _credential(client, target)
    if target:
        _reach_bulk(client, target)
    return said


def _reach_bulk(client: HttpClient, target: str) -> None:
    """Post an empty body, which writes nothing: the service refuses it with an error of its own.

    :raises ProtocolError: the answer is from another service, or ``_bulk`` is at another path.
    """
    headers = {**_JSON, "Content-Type": "application/x-ndjson"}
    answer = client.fetch("POST", f"/{quote(target, safe='')}/_bulk", headers=headers, body=b"")
    refuse_later(answer, client)
    try:
        said = answer.json() if not answer.is_web_page else None
    except ProtocolError:
        said = None
    if not isinstance(said, dict) or not {"error", "errors", "items", "message"} & said.keys():
        raise ProtocolError(
            f"{answer.where} answered {answer.status}{client.words(answer)} to an empty request, which is not how "
            "Elasticsearch or OpenSearch answers: set the connection's host to the URL below which /<target>/_bulk is "
            "served."
        )


def _credential(client: HttpClient, target: str) -> str:
    asked = _ask(client, "GET", "/_security/_authenticate")
    if asked.status == 200 and not asked.is_web_page:
        who = asked.json()
        if isinstance(who, dict) and isinstance(who.get("username"), str):
            return _may_write(client, who["username"], target)
    root = _ask(client, "GET", "/")
    if root.status == 200:
        return _named(root)
    head = _ask(client, "HEAD", f"/{quote(target, safe='') if target else _ANY_STREAM}")
    name = target or "the cluster"
    if head.status == 200:
        return f"{name} can be reached with the credential."
    if head.status == 404 and not root.is_web_page and not head.is_web_page:
        return (
            f"The service answers; {name} does not exist yet, and only the first event shows whether it may be created."
        )
    if head.status == 403 and _knows_user(root):
        return (
            "The service accepts the credential, which may only write; only the first event shows whether it may "
            "write here."
        )
    if head.status == 403 or root.status == 403:
        raise _refused(root, client)
    raise ProtocolError(
        f"{head.where} answered {head.status}, which is not how Elasticsearch or OpenSearch answers: check the host."
    )


def _ask(client: HttpClient, method: str, path: str) -> Answer:
    answer = client.fetch(method, path, headers=_JSON)
    if answer.status == 401:
        raise _refused(answer, client)
    if 300 <= answer.status < 400:
        raise ConfigurationError(f"{answer.where} answered {answer.status}: check the connection's host.")
    return answer


def _may_write(client: HttpClient, user: str, target: str) -> str:
    said = f"Elasticsearch accepts the credential of {user}"
    if not target:
        return f"{said}."
    question = {"index": [{"names": [target], "privileges": ["create_doc"]}]}
    answer = client.fetch(
        "POST",
        "/_security/user/_has_privileges",
        headers={**_JSON, "Content-Type": "application/json"},
        body=msgspec.json.encode(question),
    )
    granted = answer.json() if answer.status == 200 and not answer.is_web_page else {}
    may = granted.get("has_all_requested") if isinstance(granted, dict) else None
    if may is False:
        raise CredentialError(
            f"{answer.where} says that {user} may not create documents in {target}: give it the index privilege "
            "'create_doc', and 'auto_configure' if the stream does not exist yet."
        )
    # Some services do not answer this; then the first batch shows it.
    return f"{said}, which may create documents in {target}." if may is True else f"{said}."


def _named(answer: Answer) -> str:
    content = answer.json()
    version = content.get("version") if isinstance(content, dict) else None
    if not isinstance(version, dict) or not isinstance(version.get("number"), str):
        raise ProtocolError(
            f"{answer.where} answered 200, but not as Elasticsearch or OpenSearch does: check the host."
        )
    product = "OpenSearch" if version.get("distribution") == "opensearch" else "Elasticsearch"
    return f"{product} {version['number']} accepts the credential."


def _knows_user(answer: Answer) -> bool:
    """Whether a 403 is about the user's permissions: an unknown user gets a 401, or an answer of another layer."""
    return answer.status == 403 and b"security_exception" in answer.body


def _refused(answer: Answer, client: HttpClient) -> CredentialError:
    return CredentialError(
        f"{answer.where} answered {answer.status}{client.words(answer)}: check API key, login, password or AWS role of "
        f"the connection."
    )
