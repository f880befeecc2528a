"""For authors of sources and destinations: the tests that every one must pass, and the servers they run against.

``destinations`` and ``sources`` hold the tests. ``server`` is what a stand-in of a destination subclasses;
``contract_service`` is the stand-in of a source, made from the contract that ``contract`` reads. It needs ``pytest``,
which this package does not install.
"""

import pytest

# Before the modules are imported, so that a failure shows the values.
for _name in ("destinations", "shipping", "sources"):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")
