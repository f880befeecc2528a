"""What all tasks of this provider share: they raise Airflow's errors, and they defer instead of sleeping long."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from audit_provider.core.errors import AuditError, CredentialError, StopError, WaitError
from audit_provider.core.model import text_of, utc_now
from audit_provider.host.process import keep_large_blocks_apart, sleep_or_defer
from audit_provider.host.versions import TryAgainError
from audit_provider.operators.links import keep_link
from audit_provider.state import Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.sdk import Context

    from audit_provider.core.ledger.records import Ledger


class AuditLogsOperator(BaseOperator):
    """Base of this provider's operators.

    A :class:`StopError` fails the task at once, because a retry cannot help. A
    :class:`~audit_provider.core.errors.RetryError` fails it so that Airflow's own retries apply. A :class:`WaitError`
    defers it, which uses up no try. Progress is recorded before the wait, so a lost trigger or a killed triggerer costs
    no more than the time of the wait.

    :cvar ledger: keeps the progress, in Airflow's Variables. :cvar now: the clock of the task, aware UTC.
    :cvar sleep: sleeps for some seconds, or raises :class:`~audit_provider.core.errors.WaitError` for a long wait.
    :ivar begun: when this try began, before any deferral. :ivar resumed: whether it continues after a deferral.
    :ivar done_before: its counts before the last deferral. :ivar run_id: of the DAG run, "" if there is none.
    """

    ledger: Ledger = Variables()
    now: Callable[[], datetime] = staticmethod(utc_now)
    sleep: Callable[[float], None] = staticmethod(sleep_or_defer)
    begun: datetime | None = None
    resumed: bool = False
    run_id: str = ""
    done_before: Mapping[str, int] = MappingProxyType({})
    _handed_on: tuple[datetime | None, Mapping[str, int]] = (None, MappingProxyType({}))

    def execute(self, context: Context) -> Any:
        """Do the work once, or defer it."""
        keep_large_blocks_apart()
        # One operator object may be executed several times in one process.
        begun, self.done_before = self._handed_on
        self.resumed = begun is not None
        self.begun, self._handed_on = begun or self.now(), (None, {})
        run = context.get("dag_run")
        self.run_id = run.run_id if run else ""
        with _as_airflow_errors(self.credential):
            resumes_at: datetime | None = None
            try:
                return _added(self.work(context), self.done_before)
            except WaitError as wait:
                self.log.info("%s Deferring until %s, without a worker slot.", wait, text_of(wait.until))
                resumes_at = wait.until
                self.defer(
                    trigger=DateTimeTrigger(moment=wait.until),
                    method_name="execute_again",
                    kwargs={"begun": self.begun.isoformat(), "done": _added(self.done(), self.done_before)},
                )
            finally:
                self.leave(resumes_at)
                self._keep_link(context)

    def execute_again(
        self, context: Context, event: Any = None, begun: str = "", done: Mapping[str, int] | None = None
    ) -> Any:
        """Continue after a deferral. :param begun: when the try began. :param done: its counts before the deferral."""
        self._handed_on = (datetime.fromisoformat(begun) if begun else None, done or {})
        return self.execute(context)

    def done(self) -> dict[str, int]:
        """Return the counts that :meth:`work` has reached so far; after a deferral they are added to its result."""
        return {}

    def leave(self, resumes_at: datetime | None) -> None:
        """Release what other tasks may use while this task does not run.

        :param resumes_at: when it continues; None if it has ended.
        """

    def credential(self) -> str:
        """Return which credential the task uses: pipeline, destination and connection; "" if it uses none.

        :raises AuditError: the description of the source or the destination is wrong.
        """
        return ""

    def page(self) -> str:
        """Return the page that shows this task's events, or "" if its address is not known.

        :raises AuditError: a connection cannot be used.
        """
        return ""

    def work(self, context: Context) -> Any:
        """Do the task's work.

        :raises AuditError: it cannot be done.
        """
        raise NotImplementedError

    def _keep_link(self, context: Context) -> None:
        # A task must not fail because its button has no address.
        url = ""
        try:
            url = self.page()
        except Exception as error:  # noqa: BLE001
            # Only messages of this package's own errors are known to contain no secret.
            reason = error if isinstance(error, AuditError) else type(error).__name__
            self.log.info("No link to the events: %s", reason)
        with suppress(Exception):
            keep_link(context, url)


def _added(result: Any, before: Mapping[str, int]) -> Any:
    """Return a result with the counts of the time before the deferral added to it."""
    return {**result, **{key: count + result.get(key, 0) for key, count in before.items()}} if before else result


@contextmanager
def _as_airflow_errors(credential: Callable[[], str]) -> Iterator[None]:
    try:
        yield
    except CredentialError as error:
        of = ""
        with suppress(AuditError):
            of = credential()
        raise AirflowFailException(f"{error} It is the credential of {of}." if of else str(error)) from None
    except StopError as error:
        raise AirflowFailException(str(error)) from None
    except AuditError as error:
        raise TryAgainError(error) from None
