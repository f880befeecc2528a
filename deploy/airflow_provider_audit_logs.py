"""An empty module. Airflow looks for a provider's example DAGs in a module with the name of its distribution."""
