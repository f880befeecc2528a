"""The server of every stand-in, which is part of the testing kit."""

from audit_provider.testing.server import CONTROL, DestinationService, Reply, Request, Seen, Service

__all__ = ["CONTROL", "DestinationService", "Reply", "Request", "Seen", "Service"]
