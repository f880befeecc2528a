"""The services that Airflow lists for this provider, with the operator, hook, form and link of each destination."""

from __future__ import annotations

import json

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.core.sources import REGISTRY
from audit_provider.get_provider_info import parts_of


def provider_parts() -> str:
    """Return them as JSON, in the form of Airflow's ``provider_info.schema.json``."""
    parts = parts_of(REGISTRY.values(), DESTINATIONS.values())
    return json.dumps(parts, indent=2, ensure_ascii=False) + "\n"
