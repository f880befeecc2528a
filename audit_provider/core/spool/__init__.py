"""The spool: a small durable log between reading and shipping.

``store`` keeps whole objects, ``segment`` is the file format, ``stream`` the chain of segments, ``manifests`` reads any
part of a chain, ``known`` recognises events that are served again, and ``ids`` has the sets of ids for that.
"""

from audit_provider.core.spool.ids import ComparedIds, RecentIds
from audit_provider.core.spool.known import KnownEvents
from audit_provider.core.spool.segment import Head, Manifest, SegmentWriter
from audit_provider.core.spool.store import LocalStore, S3Store, Store
from audit_provider.core.spool.stream import Stream

__all__ = [
    "ComparedIds",
    "Head",
    "KnownEvents",
    "LocalStore",
    "Manifest",
    "RecentIds",
    "S3Store",
    "SegmentWriter",
    "Store",
    "Stream",
]
