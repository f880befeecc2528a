"""For authors of destinations and sources: the tests that every one must pass, and the servers they run against.

It needs ``pytest``, which this package does not install.
"""

import pytest

# Before the modules are imported, so that a failure shows the values.
pytest.register_assert_rewrite("audit_provider.testing.destinations", "audit_provider.testing.shipping")
