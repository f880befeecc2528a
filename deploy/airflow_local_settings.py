"""Settings that each process of Airflow imports: workers and schedulers import what tasks use before they fork."""

import audit_provider.preload  # noqa: F401
