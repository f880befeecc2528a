"""Stand-ins for the vendors' APIs and the SIEMs, strict about what they accept, and the demo of ``make run``.

It is for developers: a checkout has it, the wheel does not. What authors of other packages need is in
:mod:`audit_provider.testing`.
"""

import sys
from importlib import import_module

for _name in ("contract", "contract_service", "documented_call", "signing_keys", "strict"):
    # These modules moved to the testing kit. The earlier paths still work, and lead to the same module objects.
    sys.modules[f"{__name__}.{_name}"] = import_module(f"audit_provider.testing.{_name}")
