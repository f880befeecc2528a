"""A vendor's record: how it becomes an event, byte for byte, and what can be read from it."""

from audit_provider.core.records.times import time_from as time_from
