"""Differences between the supported versions of Airflow. No other module knows them (``docs/versions.md``)."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException

from audit_provider.core.errors import AuditError, UnavailableError
from audit_provider.core.ledger.stream_name import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context, RetryDecision
    from airflow.triggers.base import BaseEventTrigger

RETRY_DELAY = timedelta(seconds=30)
"""The time before the first retry of a task. A wait that a service asks for can only make it longer."""


class TryAgainError(AirflowException):
    """A failure of a task whose next try may succeed.

    :ivar wait: Seconds for which the service asked to wait; None if it did not.
    """

    def __init__(self, error: AuditError) -> None:
        super().__init__(str(error))
        self.wait = error.wait if isinstance(error, UnavailableError) else None


def retry_arguments() -> dict[str, Any]:
    """Return operator arguments for a retry at the time that a service asked for; none before Airflow 3.3.

    The number of retries stays the task's own. Airflow stores the reason with the try and shows it.
    """
    try:
        from airflow.sdk import RetryDecision, RetryPolicy
    except ImportError:
        return {}

    class RetryAsAsked(RetryPolicy):
        """The next try begins when the service asked for it, or after the task's own delay if it did not."""

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
        ) -> RetryDecision:
            """Return when to try again; for errors of other packages, Airflow's own choice."""
            if not isinstance(exception, TryAgainError):
                return RetryDecision.default()
            if exception.wait is None:
                return RetryDecision.retry(reason=str(exception))
            delay = max(timedelta(seconds=exception.wait), RETRY_DELAY)
            return RetryDecision.retry(delay=delay, reason=str(exception))

    return {"retry_policy": RetryAsAsked()}


def skip_tasks(task_ids: Sequence[str]) -> NoReturn:
    """End the running task successfully, and let the scheduler skip downstream tasks without starting them.

    :param task_ids: of tasks of the same run.
    :raises DownstreamTasksSkipped: always; Airflow treats it as a success.
    """
    # Airflow 3.1 still has it in its core package.
    homes = map(import_module, ("airflow.sdk.exceptions", "airflow.exceptions"))
    kind = next(home.DownstreamTasksSkipped for home in homes if hasattr(home, "DownstreamTasksSkipped"))
    raise kind(tasks=list(task_ids))


def watched_schedule(schedule: str, asset: str, trigger: BaseEventTrigger) -> Any:
    """Return a schedule that starts runs by a cron expression and whenever a trigger fires.

    :param schedule: a cron expression or preset, in UTC. :param asset: name of the asset that the trigger watches.
    """
    from airflow.sdk import Asset, AssetWatcher

    watched = Asset(asset, watchers=[AssetWatcher(name=asset, trigger=trigger)])
    by_time = _found("CronTriggerTimetable", "airflow.timetables.trigger")(schedule, timezone="UTC")
    return _found("AssetOrTimeSchedule", "airflow.timetables.assets")(timetable=by_time, assets=[watched])


def _found(name: str, before: str) -> Any:
    """Return a name of Airflow's task SDK. :param before: the module of its core package that has it in Airflow 3.1."""
    import airflow.sdk

    return getattr(airflow.sdk, name, None) or getattr(import_module(before), name)


def question_for_keys(prefix: str) -> object | None:
    """Return the message by which a task asks for the keys of Variables; None before Airflow 3.3.

    :param prefix: of the keys.
    """
    try:
        from airflow.sdk.execution_time.comms import GetVariableKeys
    except ImportError:
        return None
    return GetVariableKeys(prefix=prefix)


def readable_variables(auth_manager: Any, user: Any) -> set[str]:
    """Return the keys of this provider's Variables that a user may read; keys of other Variables may be among them.

    Only for Airflow's API server. :param auth_manager: Airflow's.
    """
    if hasattr(auth_manager, "get_authorized_variables"):  # since Airflow 3.2
        found: set[str] = auth_manager.get_authorized_variables(user=user, method="GET")
        return found
    from airflow.api_fastapi.auth.managers.models.resource_details import VariableDetails
    from airflow.models import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        keys = list(session.scalars(select(Variable.key).where(Variable.key.startswith(f"{PREFIX}."))))
    return {
        key
        for key in keys
        if auth_manager.is_authorized_variable(method="GET", details=VariableDetails(key=key), user=user)
    }
