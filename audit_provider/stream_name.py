"""The names of streams and records, under the path that they had in 0.1."""

from audit_provider.core.stream_name import PREFIX, StreamName

__all__ = ["PREFIX", "StreamName"]
