"""The parts that run in Airflow's triggerer."""
