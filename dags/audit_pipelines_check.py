"""Shows every mistake in the pipelines file as an import error of this file; holds no DAG.

Airflow stops scheduling all DAGs of a file with an import error. Raised here, a mistake in one pipeline
is on everybody's screen while the other pipelines go on.
"""

from pathlib import Path

from audit_provider.dags import mistakes_in_pipelines

mistakes_in_pipelines(Path(__file__).with_name("audit_pipelines.yaml"))
