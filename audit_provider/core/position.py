"""The path of :mod:`audit_provider.core.ledger.position` in earlier versions."""

from audit_provider.core.ledger.position import Position as Position
