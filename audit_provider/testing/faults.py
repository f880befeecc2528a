"""Faults that a service shows on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "cut", "slow", "html", "garbage", "error_in_200", "refuse_cursor"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    :ivar path: beginning of the paths it concerns. :ivar method: of the requests it concerns; "" for all.
    :ivar after: number of requests to answer normally first. :ivar count: number of requests to spoil; None for all.
    :ivar every: spoil every n-th of them.
    :ivar status: of the answer, for ``status``. :ivar headers: sent with it. :ivar body: sent with it.
    :ivar seconds: delay of the answer, for ``slow``.
    """

    kind: Kind
    path: str = "/"
    method: str = ""
    after: int = 0
    count: int | None = 1
    every: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 1.0


class Faults:
    """The faults of one service, in the order they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, list[int]]] = []

    def add(self, kind: Kind, **details: object) -> None:
        """Add a fault; details are those of :class:`Fault`."""
        with self._lock:
            self._faults.append((Fault(kind, **details), [0]))  # type: ignore[arg-type]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def next_for(self, path: str, method: str = "") -> Fault | None:
        """Count a request, and return the fault that spoils it, if there is one."""
        with self._lock:
            for fault, met in self._faults:
                if not path.startswith(fault.path) or fault.method not in ("", method):
                    continue
                number = met[0] = met[0] + 1
                number -= fault.after
                if number < 1 or (number - 1) % fault.every:
                    continue
                if fault.count is None or (number - 1) // fault.every < fault.count:
                    return fault
        return None
