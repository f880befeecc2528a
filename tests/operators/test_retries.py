"""When a task that failed is tried again."""

from __future__ import annotations

from datetime import timedelta

import airflow.sdk
import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowFailException

from audit_provider.core.errors import FencedError, UnavailableError
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.wire.http import HttpClient
from audit_provider.dags import build_backfill, build_incremental
from audit_provider.host.versions import RETRY_DELAY, TryAgainError, retry_arguments
from audit_provider.operators.task import AuditLogsOperator
from tests.operators.conftest import HEC_TOKEN, context

HAS_POLICIES = hasattr(airflow.sdk, "RetryPolicy")
since_policies = pytest.mark.skipif(not HAS_POLICIES, reason="Airflow has retry policies from 3.3 on")


class Failing(AuditLogsOperator):
    """Ends with an error that was made before."""

    def __init__(self, error, **kwargs):
        super().__init__(**kwargs)
        self.error = error

    def work(self, context):
        raise self.error


def failure(world, **fault):
    """Return what a task ends with where a service answers 503 to every try."""
    world.splunk.faults.add("status", status=503, count=None, **fault)
    client = HttpClient(requests.Session(), world.splunk.url, service="Splunk", sleep=lambda seconds: None)
    with pytest.raises(UnavailableError) as caught:
        client.fetch("POST", "/services/collector/event", headers={"Authorization": f"Splunk {HEC_TOKEN}"})
    with pytest.raises(TryAgainError) as raised:
        Failing(error=caught.value, task_id="t").execute(context())
    return raised.value


@since_policies
@pytest.mark.parametrize(("asked", "delay"), [("45", timedelta(seconds=45)), ("1", RETRY_DELAY)])
def test_the_next_try_begins_when_the_service_asked_for_it(world, asked, delay):
    error = failure(world, headers={"Retry-After": asked})
    decision = retry_arguments()["retry_policy"].evaluate(error, 1, 2)
    assert (decision.action.value, decision.retry_delay) == ("retry", delay)
    assert "answered 503 5 times in a row" in decision.reason


@since_policies
def test_a_service_that_names_no_wait_leaves_it_to_the_task(world):
    decision = retry_arguments()["retry_policy"].evaluate(failure(world), 1, 2)
    assert (decision.action.value, decision.retry_delay) == ("retry", None)


@since_policies
def test_errors_of_others_are_airflows_own_affair():
    assert retry_arguments()["retry_policy"].evaluate(ValueError("x"), 1, 2).action.value == "default"


@pytest.mark.parametrize("build", [build_incremental, build_backfill])
def test_every_task_that_is_tried_again_has_the_policy_where_airflow_knows_it(build):
    dag = build(pipeline_from("p", {"source": "pylon", "destinations": {"splunk": {"type": "splunk_hec"}}}))
    tasks = [dag.get_task(name) for name in ("pull", "ship_splunk")]
    assert [bool(getattr(task, "retry_policy", None)) for task in tasks] == [HAS_POLICIES] * 2


def test_an_error_that_a_person_must_mend_is_not_tried_again():
    with pytest.raises(AirflowFailException):
        Failing(error=FencedError("x"), task_id="t").execute(context())
