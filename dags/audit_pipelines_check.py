"""Shows every mistake in the pipelines file as an import error of this file; holds no DAG.

Airflow stops scheduling all DAGs of a file with an import error. This file raises the error instead, so a mistake in
one pipeline is visible to everybody and the other pipelines continue to run.
"""

from pathlib import Path

from audit_provider.dags import mistakes_in_pipelines

mistakes_in_pipelines(Path(__file__).with_name("audit_pipelines.yaml"))
