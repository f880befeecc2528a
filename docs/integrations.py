"""The services that Airflow lists for this provider: one integration for each source and each destination."""

from __future__ import annotations

import json
from typing import Any

from audit_provider.core.destinations.about import ABOUT
from audit_provider.core.sources import REGISTRY


def integrations() -> str:
    """Return the integrations as JSON, in the form of Airflow's ``provider_info.schema.json``."""
    found = [_integration(spec.title, spec.docs, f"sources/{name}.md", "source") for name, spec in REGISTRY.items()]
    found += [_integration(each.title, each.docs, f"destinations/{name}.md", "siem") for name, each in ABOUT.items()]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _integration(name: str, docs: str, guide: str, tag: str) -> dict[str, Any]:
    return {
        "integration-name": name,
        "external-doc-url": docs,
        "how-to-guide": [f"/docs/{guide}"],
        "tags": ["service", tag],
    }
