"""What Airflow's API server says to a task: Airflow itself takes an outage of it for "there is none"."""

from __future__ import annotations

import sys
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError


def supervisor() -> Any | None:
    """Return the way from a task to the API server; None outside of tasks, where there is none in between."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")  # takes seconds to import, and is there in tasks
    return getattr(runner, "SUPERVISOR_COMMS", None)


def answer_of(comms: Any, question: object) -> Any:
    """Return what the API server answers to a question, or the error that stands in place of an answer."""
    try:
        return comms.send(question)
    except AirflowRuntimeError as error:
        return error.error
