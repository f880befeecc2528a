"""The path that ``core/wire/rate_limit.py`` had before."""

from audit_provider.core.wire.rate_limit import Pacer as Pacer
from audit_provider.core.wire.rate_limit import RateLimit as RateLimit
