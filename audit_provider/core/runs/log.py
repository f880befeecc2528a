"""What a run writes to the log of its task."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Log(Protocol):
    """A logger, such as an operator's own."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Write a line."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Write a warning."""

    def error(self, message: str, /, *arguments: Any) -> Any:
        """Write an error."""


@contextmanager
def grouped(log: Log, title: str) -> Iterator[None]:
    """Fold the lines that are logged inside into one group, as Airflow's UI shows it."""
    log.info("::group::%s", title)
    try:
        yield
    finally:
        log.info("::endgroup::")
