"""The services and operators that the tests of the operators have."""

from tests.operators.conftest import moto, variables, world

__all__ = ["moto", "variables", "world"]
