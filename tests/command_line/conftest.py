"""The commands work on what the operators left: their pipeline, its spool and its services."""

from __future__ import annotations

import logging

from audit_provider.core.model import utc_now
from audit_provider.core.runs.arguments import Discard
from audit_provider.core.runs.letters import discard_letters
from audit_provider.core.spool import LocalStore
from audit_provider.state import Variables
from tests.operators.conftest import moto, variables, world

__all__ = ["discard", "moto", "variables", "world"]


def discard(world, destination, event):
    """Let a person discard the dead letter of an event."""
    wanted = Discard(frozenset([event]), "a test of ours", by="ada")
    store, log = LocalStore(world.spool), logging.getLogger(__name__)
    assert discard_letters(Variables(), store, "p", destination, wanted, log=log, now=utc_now) == 1
