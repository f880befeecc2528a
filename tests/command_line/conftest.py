"""The commands work on what the operators left: their pipeline, its spool and its services."""

from tests.operators.conftest import moto, variables, world

__all__ = ["moto", "variables", "world"]
