"""Pull SaaS audit logs, keep them in a spool, ship them to SIEMs: an Apache Airflow provider."""

__version__ = "0.1.0"
