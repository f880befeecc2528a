"""Where the names that tests use live in the supported versions of Airflow."""

from __future__ import annotations

import uuid

try:
    from airflow.sdk.exceptions import ParamValidationError
except ImportError:  # before Airflow 3.2
    from airflow.exceptions import ParamValidationError

__all__ = ["ParamValidationError", "new_task_id", "sync_dags"]


def new_task_id():
    """Return an id for a row of ``TaskInstance``: before Airflow 3.2 a text, since then a UUID."""
    from airflow.models import TaskInstance

    return TaskInstance.__table__.c.id.type.python_type(str(uuid.uuid4()))


def sync_dags(folder):
    """Put the DAGs of a folder into Airflow's database, which it makes first; return them by id."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=str(folder), bundle_path=folder)
    assert not bag.import_errors
    sync_bag_to_db(bag, "dags-folder", None)
    return bag.dags
