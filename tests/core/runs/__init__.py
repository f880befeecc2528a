"""Runs, over a ledger in memory and a spool on disk: no Airflow."""
