"""The parts that depend on Airflow itself: its settings, connections, database, and differences between versions."""
