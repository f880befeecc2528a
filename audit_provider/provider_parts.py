"""What each source and destination adds to the provider's description, made from its own description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.connection_forms import CHECKPOINT_KEY_FORM, audit_logs_form, form_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_provider.core.destinations.spec import DestinationSpec
    from audit_provider.core.sources.spec import SourceSpec

_OWN = "Audit logs"


def parts_of(sources: Iterable[SourceSpec], destinations: Iterable[DestinationSpec]) -> dict[str, list[Any]]:
    """Return the lists of Airflow's ``provider_info.schema.json`` that depend on what is found."""
    sources = list(sources)
    guides = ["/docs/quick_start.md", "/docs/pipelines.md"]
    parts: dict[str, list[Any]] = {
        "integrations": [
            {"integration-name": _OWN, "how-to-guide": guides, "tags": ["service"]},
            *(_integration(each.title, each.docs, f"sources/{each.name}", "source") for each in sources),
        ],
        "operators": [_group(_OWN, *(f"audit_provider.operators.{name}" for name in ("pull", "report", "reconcile")))],
        "hooks": [_group(_OWN, *(f"audit_provider.hooks.{name}" for name in ("audit_logs", "checkpoint_key")))],
        "extra-links": ["audit_provider.operators.links.AuditLogLink"],
        "connection-types": [audit_logs_form(sorted(each.name for each in sources)), CHECKPOINT_KEY_FORM],
    }
    for each in destinations:
        add_destination(parts, each)
    return parts


def add_destination(parts: dict[str, list[Any]], spec: DestinationSpec, *, has_page: bool = True) -> None:
    """Add what a destination has: an integration, an operator, and where it has them a hook, a form and a link.

    :param has_page: whether this package's documentation has a page about it.
    """
    title = spec.about.title
    page = f"destinations/{spec.name}" if has_page else ""
    parts["integrations"].append(_integration(title, spec.about.docs, page, "siem"))
    parts["operators"].append(_group(title, f"audit_provider.operators.{spec.name}"))
    if spec.connection is not None:
        parts["hooks"].append(_group(title, spec.hook_path.rpartition(".")[0]))
        parts["connection-types"].append(form_of(spec))
    if spec.link_name:
        parts["extra-links"].append(f"audit_provider.operators.links.{spec.link_name}")


def _integration(name: str, docs: str, guide: str, tag: str) -> dict[str, Any]:
    guides = {"how-to-guide": [f"/docs/{guide}.md"]} if guide else {}
    return {"integration-name": name, "external-doc-url": docs, **guides, "tags": ["service", tag]}


def _group(integration: str, *modules: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": list(modules)}
