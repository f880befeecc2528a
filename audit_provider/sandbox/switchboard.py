"""Stops and starts single stand-ins of a sandbox, so that an outage and the recovery can be watched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from audit_provider.testing.server import CONTROL, Reply, Request, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.sandbox.s3 import S3Service


class Switchboard(Service):
    """``POST stop`` and ``POST start`` with ``{"service": name}``, ``GET state`` for which of them are up.

    A stand-in that is stopped refuses connections and keeps what it holds; started again it has the same address.

    :param services: the stand-ins by name.
    """

    name = "switchboard"

    def __init__(self, services: Mapping[str, Service | S3Service]) -> None:
        super().__init__()
        self._services = services

    def state(self) -> dict[str, Any]:
        """Return which stand-ins are up, by name."""
        return {name: each.is_up for name, each in self._services.items()}

    def control(self, request: Request) -> Reply:
        """Answer also ``POST stop`` and ``POST start``; a stand-in that is already in that state does not change."""
        what = request.path.removeprefix(CONTROL)
        if what not in ("stop", "start") or request.method != "POST":
            return super().control(request)
        service = self._services.get(json.loads(request.body)["service"])
        if service is None:
            return Reply.json(404, {"error": "no such service", "services": sorted(self._services)})
        if service.is_up != (what == "start"):
            getattr(service, what)()
        return Reply.json(200, self.state())

    def answer(self, request: Request) -> Reply:
        """Answer nothing else."""
        return Reply.json(404, {"error": f"only {CONTROL} is served"})
