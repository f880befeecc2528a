"""Every destination that is found passes the tests of the testing kit, against its stand-in."""

from __future__ import annotations

import pytest

from audit_provider.core.destinations.registry import DESTINATIONS
from audit_provider.sandbox.siems import stand_in_of
from audit_provider.testing.destinations import DestinationContract


class _Contract(DestinationContract):
    """The stand-in is looked up in a test, so that one that is missing fails the tests of its destination alone."""

    @pytest.fixture
    def server(self):
        with stand_in_of(self.spec.name).accepting(self.now) as server:
            yield server


for _spec in DESTINATIONS.values():
    _name = f"Test{_spec.name.title().replace('_', '')}"
    globals()[_name] = type(_name, (_Contract,), {"spec": _spec})
