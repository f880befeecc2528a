"""The path that ``core/wire/auth.py`` had before."""

from audit_provider.core.wire.auth import Token as Token
from audit_provider.core.wire.auth import filler as filler
