"""The faults of every stand-in, which are part of the testing kit."""

from audit_provider.testing.faults import Fault, Faults

__all__ = ["Fault", "Faults"]
