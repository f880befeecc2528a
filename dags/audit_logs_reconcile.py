"""One Airflow DAG, ``audit_reconcile_<pipeline>``, for each pipeline whose source can be read by time."""

# Airflow only looks into files that hold both of the words "airflow" and "dag".
from pathlib import Path

from audit_provider.dags import build_reconcile, load_pipelines

for pipeline in load_pipelines(Path(__file__).with_name("audit_pipelines.yaml")).values():
    dag = build_reconcile(pipeline)
    if dag is not None:
        globals()[dag.dag_id] = dag
