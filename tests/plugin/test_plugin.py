"""How Airflow gets the page: by its entry point, in the API server alone."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from audit_provider.plugin import AuditLogsPlugin


def test_airflow_finds_the_plugin_and_shows_it_in_its_navigation(server):
    (found,) = entry_points(group="airflow.plugins", name="audit_logs")
    assert found.load() is AuditLogsPlugin
    plugins = server.clients["admin"].get("/api/v2/plugins").json()["plugins"]
    (plugin,) = [each for each in plugins if each["name"] == "audit_logs"]
    (view,) = plugin["external_views"]
    assert (view["name"], view["destination"], view["href"]) == ("Audit logs", "nav", "/audit-logs/")
    assert server.clients["viewer"].get(view["icon"]).headers["content-type"].startswith("image/svg")


def test_links_keep_to_the_path_that_airflow_is_served_below(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/team/airflow/")
    (view,) = AuditLogsPlugin().external_views
    assert view["href"] == "/team/airflow/audit-logs/"


def test_a_worker_does_not_load_the_app_with_the_plugin():
    listed = "[n for n in sys.modules if n.startswith('audit_provider.plugin.')]"
    script = f"import sys, audit_provider.plugin; print({listed})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_airflow_comes_up_where_the_page_cannot(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "audit_provider.plugin.app", None)
    assert AuditLogsPlugin().fastapi_apps == []
    assert "cannot be served" in caplog.text
