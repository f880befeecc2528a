"""The operators that are made from descriptions are operators like any that is written by hand."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle

import pytest
from airflow.sdk import DAG

from audit_provider import AuditLogsToS3Operator, operators
from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.operators import SHIP_OPERATORS

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize("name", DESTINATIONS)
def test_an_operator_has_a_module_a_signature_and_a_documentation_of_its_own(name):
    operator, spec = SHIP_OPERATORS[name], DESTINATIONS[name]
    assert getattr(importlib.import_module(f"audit_provider.operators.{name}"), spec.operator_name) is operator
    assert getattr(operators, spec.operator_name) is operator
    assert pickle.loads(pickle.dumps(operator)) is operator
    assert set(spec.arguments) <= set(inspect.signature(operator.__init__).parameters)
    assert all(f":param {argument}: " in operator.__doc__ for argument in spec.arguments)
    assert set(spec.arguments) <= set(operator.template_fields)


def test_an_argument_may_be_a_default_of_the_dag_or_mapped():
    with DAG(dag_id="d", schedule=None, default_args={"bucket": "b"}):
        operator = AuditLogsToS3Operator(task_id="a", pipeline="p")
        mapped = AuditLogsToS3Operator.partial(task_id="m", pipeline="p").expand(prefix=["x", "y"])
        with pytest.raises(TypeError, match="unexpected keyword argument 'prefixx'"):
            AuditLogsToS3Operator.partial(task_id="n", pipeline="p").expand(prefixx=["x"])
    assert operator.bucket == copy.deepcopy(operator).bucket == "b"
    assert mapped.operator_class is AuditLogsToS3Operator


@pytest.mark.parametrize(("arguments", "said"), [({}, "bucket"), ({"bucket": "b", "bukcet": "c"}, "bukcet")])
def test_an_argument_that_is_missing_or_unknown_is_refused(arguments, said):
    with pytest.raises(TypeError, match=said):
        AuditLogsToS3Operator(task_id="t", pipeline="p", **arguments)


def test_an_operator_of_no_destination_is_none():
    with pytest.raises(AttributeError):
        _ = operators.AuditLogsToNothingOperator
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("audit_provider.operators.nothing")
