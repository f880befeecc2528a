"""One Airflow DAG, ``audit_replay_<pipeline>``, for each pipeline of the pipelines file."""

# Airflow only looks into files that hold both of the words "airflow" and "dag".
from pathlib import Path

from audit_provider.dags import build_replay, load_pipelines

for pipeline in load_pipelines(Path(__file__).with_name("audit_pipelines.yaml")).values():
    dag = build_replay(pipeline)
    globals()[dag.dag_id] = dag
