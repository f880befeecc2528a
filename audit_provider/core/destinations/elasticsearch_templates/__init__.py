"""The index templates of this package, one per product, and their installation.

They keep the vendor's record in one field (``flattened`` in Elasticsearch, ``flat_object`` in OpenSearch), so that no
record exceeds the limit of fields or conflicts with a field's type. They are optional, and a person may install them by
hand.

https://www.elastic.co/docs/manage-data/data-store/templates
https://docs.opensearch.org/latest/im-plugin/index-templates/
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote

import msgspec

from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError

if TYPE_CHECKING:
    from audit_provider.core.wire.http import Answer, HttpClient

Product = Literal["elasticsearch", "opensearch"]

_OURS = re.compile(r"logs-saas_audit\.[^-]+-.+")
_NAME = "saas_audit"


def template_for(product: Product, target: str = "") -> tuple[str, dict[str, Any]]:
    """Return the name and the content of a product's template.

    :param target: a data stream with a custom name; "" or a name of this package's scheme gets the template for all
        names of the scheme.
    """
    text = files(__name__).joinpath(f"{product}.json").read_bytes()
    content: dict[str, Any] = msgspec.json.decode(text)
    if not target or _OURS.fullmatch(target):
        return _NAME, content
    return f"{_NAME}-{target}", {**content, "index_patterns": [target]}


def install_template(client: HttpClient, *, product: Literal["auto", Product] = "auto", target: str = "") -> str:
    """Install the template if there is none with its name, or an older one of this package; return what was done.

    It needs the cluster privilege ``manage_index_templates``; shipping does not.

    :param client: with the credential in its session.
    :param target: see :func:`template_for`.
    :raises CredentialError: the credential may not do this.
    :raises ConfigurationError: the product cannot be determined, or refuses the template.
    """
    name, content = template_for(_product(client) if product == "auto" else product, target)
    path = f"/_index_template/{quote(name, safe='')}"
    found = client.fetch("GET", path, headers={"Accept": "application/json"})
    _refuse_sender(found)
    version = _version(found)
    if version is None or version >= content["version"]:
        return f"The index template {name} is there already."
    put = client.fetch("PUT", path, headers={"Content-Type": "application/json"}, body=msgspec.json.encode(content))
    _refuse_sender(put)
    if put.status != 200:
        raise ConfigurationError(
            f"{put.where} answered {put.status}{client.words(put)}: set 'product' in the pipelines file, or install a "
            f"template by hand and leave 'template' out."
        )
    return f"The index template {name} was installed."


def _version(answer: Answer) -> int | None:
    """Return the version of the template found: 0 if there is none, None if it was not created by this package."""
    if answer.status == 404:
        return 0
    content = answer.json()
    try:
        template = content["index_templates"][0]["index_template"]
    except (KeyError, IndexError, TypeError):
        raise ProtocolError(f"{answer.where} answered {answer.status}, which is not an index template.") from None
    ours = (template.get("_meta") or {}).get("managed_by") == "airflow-provider-audit-logs"
    version = template.get("version")
    return version if ours and isinstance(version, int) else None


def _product(client: HttpClient) -> Product:
    answer = client.fetch("GET", "/", headers={"Accept": "application/json"})
    product = product_of(answer)
    if product is None:
        raise ConfigurationError(
            f"{answer.where} answered {answer.status} and does not tell Elasticsearch from OpenSearch: set "
            f"'product' in the pipelines file."
        )
    return product


def product_of(answer: Answer) -> Product | None:
    """Return which product gave an answer to ``GET /``, None if it is not known."""
    if answer.headers.get("X-Elastic-Product") == "Elasticsearch":
        return "elasticsearch"
    if answer.status != 200 or answer.is_web_page:
        return None
    content = answer.json()
    version = content.get("version") if isinstance(content, dict) else None
    if not isinstance(version, dict):
        return None
    distribution = version.get("distribution", "elasticsearch" if "build_flavor" in version else None)
    return cast("Product", distribution) if distribution in ("elasticsearch", "opensearch") else None


def _refuse_sender(answer: Answer) -> None:
    if answer.status in (401, 403):
        raise CredentialError(
            f"{answer.where} answered {answer.status}: the credential may not manage index templates; let somebody "
            f"install the template who may ('manage_index_templates'), and leave 'template' out of the pipelines file."
        )
    if answer.status != 404 and not 200 <= answer.status < 300 and answer.status != 400:
        raise ConfigurationError(f"{answer.where} answered {answer.status}: check the connection's host.")
