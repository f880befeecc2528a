"""Which task a process runs: of the other tasks of its DAG it needs to know only that they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator
from airflow.sdk import get_parsing_context

if TYPE_CHECKING:
    from airflow.sdk import Context

SHIP = "ship_"
"""What the id of a ship task begins with; the destination's name follows."""


def runs_here(task_id: str) -> bool:
    """Whether this process may run a task: it does so unless Airflow says that it runs another one.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/dynamic-dag-generation.html
    """
    return (get_parsing_context().task_id or task_id) == task_id


def served_here() -> set[str] | None:
    """Return the destinations that this process ships to; None for all."""
    task_id = get_parsing_context().task_id
    if not task_id:
        return None
    return {task_id.removeprefix(SHIP)} if task_id.startswith(SHIP) else set()


class OtherTask(BaseOperator):
    """A task of the same DAG that another process runs: here only its place in the DAG counts.

    What it would import is not imported here.
    """

    def execute(self, context: Context) -> Any:
        """Refuse to run.

        :raises AirflowFailException: always.
        """
        raise AirflowFailException(f"{self.task_id} was to run in a process that was started for another task.")
