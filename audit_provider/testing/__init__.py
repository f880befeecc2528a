"""For authors of sources and destinations: the tests that every one must pass, and the servers they run against.

``destinations`` and ``sources`` hold the tests, which need ``pytest``; this package does not install it. ``server``
holds the base class of a destination's stand-in. ``contract_service`` is the stand-in of a source, made from the
contract that ``contract`` reads. The servers run without ``pytest``.
"""

from importlib.util import find_spec

if find_spec("pytest"):
    import pytest

    # Before the modules are imported, so that a failure shows the values.
    for _name in ("destinations", "sources"):
        pytest.register_assert_rewrite(f"{__name__}.{_name}")
