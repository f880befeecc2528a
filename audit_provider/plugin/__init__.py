"""The page "Audit logs" in Airflow's navigation.

``reading`` gets the records in a few queries, ``progress`` decodes them, ``overview`` judges them, ``all_pipelines``
sums them up and makes rows of them, ``access`` decides who may see and do what, ``routes`` and ``actions`` are the JSON
API, and ``page/`` is what the browser shows.

Every process of Airflow loads this module, workers too, so the app is only made when Airflow asks for it.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from audit_provider.host.settings import airflow_root

log = logging.getLogger(__name__)

URL_PREFIX = "/audit-logs"
TITLE = "Audit logs"


class AuditLogsPlugin(AirflowPlugin):
    """Adds the page to Airflow's navigation and its app to the API server."""

    name = "audit_logs"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The page and its JSON API; empty if they cannot be served, because Airflow's own page must still start."""
        try:
            from audit_provider.plugin.app import app, reader

            # Read the pipelines file now, so that the first request does not wait for it.
            reader.read()
        except Exception:
            log.exception("The page %r cannot be served: see what cannot be imported.", TITLE)
            return []
        return [{"app": app, "url_prefix": URL_PREFIX, "name": TITLE}]

    @property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The entry in Airflow's navigation."""
        below = f"{airflow_root()}{URL_PREFIX}"
        return [
            {
                "name": TITLE,
                "href": f"{below}/",
                "destination": "nav",
                "nav_top_level": True,
                "url_route": "audit_logs",
                "icon": f"{below}/static/icon.svg",
                "icon_dark_mode": f"{below}/static/icon_dark.svg",
            }
        ]
