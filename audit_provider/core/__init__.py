"""Everything that moves events. Nothing in this package, or below it, knows Airflow."""
