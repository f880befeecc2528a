"""What this package knows of Airflow itself: its settings, connections, database, and differences between versions."""
