"""Results that are not ready at once: looking at a job until it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_provider.core.errors import UNREADABLE, ProtocolError, UnavailableError
from audit_provider.core.fields import Extractor, getter_of, text_of_scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_provider.core.sources.request import Request
    from audit_provider.core.sources.statement import Polling
    from audit_provider.core.wire.http import Answer

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class ResultWaiter:
    """Waits for results of one source.

    :param polling: how the source says that a result is not ready. :param pause: waits so many seconds.
    """

    def __init__(self, polling: Polling, now: Callable[[], datetime], pause: Callable[[float], None]) -> None:
        self._polling, self._now, self._pause = polling, now, pause
        self._said = Extractor({polling.state_at: Any, polling.id_at: Any})

    def result(self, answer: Answer, look: Callable[[Request | None], Answer], *, is_part: bool) -> Answer:
        """Return the answer with the result: ``answer``, or a later one.

        :param look: sends the request for a job, or with None the request of ``answer`` once more.
        :param is_part: the request is for a part of a result, so it is sent again: the job answers with its first part.
        :raises UnavailableError: it takes too long. :raises ProtocolError: nothing says how to ask for it.
        """
        polling = self._polling
        begun, pause = self._now(), _FIRST_PAUSE
        job = ""
        while True:
            state, name = self._progress(answer)
            if answer.status not in polling.statuses and (not state or state not in polling.pending):
                return answer
            job = name or job
            if not job and not is_part:
                raise ProtocolError(
                    f"{answer.where} says that its result is not ready, and has no id at {polling.id_at!r} with which "
                    "to ask for it: correct 'polling' of the source."
                )
            if self._now() - begun >= polling.within:
                raise UnavailableError(
                    f"{answer.where} has had no result for {polling.within}: the next try starts it again."
                )
            self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            answer = look(None if is_part else polling.request.filled({"job": job}))

    def _progress(self, answer: Answer) -> tuple[str, str]:
        """Return the state and the id of a job, "" for what an answer does not say."""
        try:
            found = self._said.decode(answer.body)
        except UNREADABLE:
            return "", ""
        paths = (self._polling.state_at, self._polling.id_at)
        state, name = (text_of_scalar(getter_of(path)(found)) for path in paths)
        return state, name
