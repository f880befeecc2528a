"""Holds nothing. Airflow looks for a provider's example DAGs in a module of its distribution's name."""
