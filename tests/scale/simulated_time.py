"""Time that passes only while everybody sleeps, for several tasks at once: each, a thread, stands for a process."""

from __future__ import annotations

import heapq
import itertools
import threading
from datetime import datetime, timedelta, timezone

BEGIN = datetime(2026, 3, 1, 10, 0, 0, tzinfo=timezone.utc)
_PATIENCE = 120


class SimulatedTime:
    """Tasks run one at a time, in the order in which their sleeps end; what they do takes no time but what they sleep.

    So it makes no difference how busy the machine is.
    """

    def __init__(self):
        self.moment = BEGIN
        self.failures = []
        self._order = itertools.count()
        self._waiting = []
        self._over = threading.Event()
        self._threads = []
        self._left = 0

    def now(self):
        return self.moment

    @property
    def seconds(self):
        """Since the beginning."""
        return (self.moment - BEGIN).total_seconds()

    def start(self, task, *, after=0.0):
        """Let a task begin. :param after: seconds from now."""
        go = threading.Event()

        def life():
            go.wait(_PATIENCE)
            try:
                task()
            except Exception as error:
                self.failures.append(error)
            finally:
                self._left -= 1
                self._hand_on()

        self._left += 1
        thread = threading.Thread(target=life, daemon=True)
        self._threads.append(thread)
        thread.start()
        self._wait_for(go, after)

    def sleep(self, seconds):
        go = threading.Event()
        self._wait_for(go, max(seconds, 0.0))
        self._hand_on()
        assert go.wait(_PATIENCE), "the simulation stands still"

    def run(self):
        """Return once every task has ended; raise what one of them has raised."""
        self._hand_on()
        assert self._over.wait(_PATIENCE), "the simulation does not end"
        for thread in self._threads:
            thread.join(_PATIENCE)
        if self.failures:
            raise self.failures[0]

    def _wait_for(self, go, seconds):
        heapq.heappush(self._waiting, (self.moment + timedelta(seconds=seconds), next(self._order), go))

    def _hand_on(self):
        if self._waiting:
            moment, _, go = heapq.heappop(self._waiting)
            self.moment = max(self.moment, moment)
            go.set()
        elif not self._left:
            self._over.set()
