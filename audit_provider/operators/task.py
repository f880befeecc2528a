"""What every task of this provider does around its work: errors become Airflow's, long waits are not slept."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from audit_provider.core.errors import AuditError, StopError, WaitError
from audit_provider.core.model import text_of, utc_now
from audit_provider.operators.links import keep_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

LONGEST_SLEEP = 60.0
"""Seconds. A longer wait gives the worker slot back: the task defers."""


class AuditLogsOperator(BaseOperator):
    """Base of this provider's operators.

    A :class:`StopError` fails the task at once, since a retry cannot help; a :class:`RetryError` fails it so that
    Airflow's own retries apply; a :class:`WaitError` defers it.
    """

    def execute(self, context: Context) -> Any:
        """Do the work once, or defer it."""
        with _as_airflow_errors():
            try:
                return self.work(context)
            except WaitError as wait:
                self.log.info("%s Waiting without a worker until %s.", wait, text_of(wait.until))
                self.defer(trigger=DateTimeTrigger(moment=wait.until), method_name="execute_again")
            finally:
                keep_link(context, self._page())

    def execute_again(self, context: Context, event: Any = None) -> Any:
        """Go on after a wait."""
        return self.execute(context)

    def page(self) -> str:
        """Return the page on which people look at this task's events; "" where its address is not known.

        :raises AuditError: a connection cannot be used.
        """
        return ""

    @contextmanager
    def log_group(self, title: str) -> Iterator[None]:
        """Fold the lines that are logged inside into one group of the log."""
        self.log.info("::group::%s", title)
        try:
            yield
        finally:
            self.log.info("::endgroup::")

    def work(self, context: Context) -> Any:
        """Do the task's work.

        :raises AuditError: it cannot be done.
        """
        raise NotImplementedError

    def _page(self) -> str:
        try:
            return self.page()
        except (AuditError, AirflowException) as error:
            self.log.debug("No link to the events: %s", error)
            return ""


def sleep_or_defer(seconds: float) -> None:
    """Sleep, or refuse to where it would hold a worker slot for long.

    :raises WaitError: ``seconds`` are more than :data:`LONGEST_SLEEP`.
    """
    if seconds > LONGEST_SLEEP:
        raise WaitError(
            f"The service asks for a pause of {seconds:.0f} s.", until=utc_now() + timedelta(seconds=seconds)
        )
    time.sleep(seconds)


@contextmanager
def _as_airflow_errors() -> Iterator[None]:
    try:
        yield
    except StopError as error:
        raise AirflowFailException(str(error)) from None
    except AuditError as error:
        raise AirflowException(str(error)) from None
