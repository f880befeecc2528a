"""How much is tried: AUDIT_FUZZ_EXAMPLES per test, by default as many as end in seconds."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("AUDIT_FUZZ_EXAMPLES", "25"))

settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="AUDIT_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
