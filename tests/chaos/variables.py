"""Airflow's Variables behind an API that fails on demand, and the way a task asks for them."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import requests
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import (
    DeleteVariable,
    DRCount,
    ErrorResponse,
    GetDRCount,
    GetVariable,
    OKResponse,
    PutVariable,
    VariableResult,
)

from audit_provider.sandbox.server import Reply, Service

PATIENCE = 1.0
"""Seconds that a task waits for the API server."""


class VariablesService(Service):
    """What the API server's execution API does with Variables. ``cut`` does the work and loses the answer."""

    name = "variables"

    def __init__(self):
        super().__init__()
        self.kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def answer(self, request):
        key = request.path.removeprefix("/variables/")
        if key == "keys":
            with self._lock:
                return Reply.json(200, {"keys": sorted(self.kept)})
        with self._lock:
            if request.method == "PUT":
                self.kept[key] = request.body.decode()
            elif request.method == "DELETE":
                self.kept.pop(key, None)
            elif key not in self.kept:
                return Reply.json(404, {"reason": "not_found"})
            return Reply.json(200, {"value": self.kept.get(key)})

    def state(self):
        with self._lock:
            return dict(self.kept)


class ApiComms:
    """Stands where a task's supervisor stands, and answers as that does: an outage is an ``API_SERVER_ERROR``.

    So ``airflow.sdk.Variable`` itself runs in the worker, with what it makes of an outage.
    """

    def __init__(self, url: str):
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, msg):
        if isinstance(msg, GetVariable):
            answer = self._call("GET", msg.key)
            if answer.status_code == 404:
                return ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": msg.key})
            return VariableResult(key=msg.key, value=answer.json()["value"])
        if isinstance(msg, GetDRCount):
            self._call("GET", "keys")
            return DRCount(count=0)
        if type(msg).__name__ == "GetVariableKeys":  # since Airflow 3.3
            return SimpleNamespace(keys=self._call("GET", "keys").json()["keys"])
        if isinstance(msg, PutVariable):
            self.put(msg)
            return OKResponse(ok=True)
        if isinstance(msg, DeleteVariable):
            self._call("DELETE", msg.key)
            return OKResponse(ok=True)
        return None

    def put(self, msg):
        self._call("PUT", msg.key, data=msg.value.encode())

    def _call(self, method, key, **rest):
        try:
            answer = self._session.request(method, f"{self._url}/variables/{key}", timeout=PATIENCE, **rest)
            if answer.status_code == 404 or answer.ok:
                json.loads(answer.content)
                return answer
            detail = {"status_code": answer.status_code}
        except (requests.RequestException, ValueError) as error:
            detail = {"status_code": None, "exception_type": type(error).__name__}
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))


def speak_through(comms):
    """Let ``Variable`` ask through ``comms``, as in a task."""
    task_runner.SUPERVISOR_COMMS = comms
