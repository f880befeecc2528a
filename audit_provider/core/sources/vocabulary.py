"""All classes that describe a source, in one place: ``from audit_provider.core.sources import vocabulary as v``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_provider.core.discovery import imported_late
from audit_provider.core.model import Fields
from audit_provider.core.sources.export import ExportJob, FeedList, FileList
from audit_provider.core.sources.paging import (
    CursorPaging,
    LinkPaging,
    NextUrlPaging,
    NoPaging,
    ObjectIdPaging,
    OffsetPaging,
    PagePaging,
)
from audit_provider.core.sources.request import Request
from audit_provider.core.sources.spec import Errors, KeptShorter, PageSize, Preparation, Probe, Setting, SourceSpec
from audit_provider.core.sources.statement import Columns, Polling, StatementPaging
from audit_provider.core.wire.assertion import Assertion
from audit_provider.core.wire.auth import Basic, Bearer, Header, Token
from audit_provider.core.wire.rate_limit import RateLimit
from audit_provider.core.wire.signatures import SignedRequest

if TYPE_CHECKING:
    from audit_provider.core.sources.reading.closed_windows import ClosedWindows
    from audit_provider.core.sources.reading.event_feed import EventFeed
    from audit_provider.core.sources.reading.file_export import FileExport
    from audit_provider.core.sources.reading.head_scan import HeadScan
    from audit_provider.core.sources.reading.id_keyset import IdKeyset
    from audit_provider.core.sources.reading.measured_list import MeasuredList
    from audit_provider.core.sources.reading.since_scan import SinceScan
    from audit_provider.core.sources.reading.tail_cursor import TailCursor

__all__ = [
    "Assertion",
    "Basic",
    "Bearer",
    "ClosedWindows",
    "Columns",
    "CursorPaging",
    "Errors",
    "EventFeed",
    "ExportJob",
    "FeedList",
    "Fields",
    "FileExport",
    "FileList",
    "HeadScan",
    "Header",
    "IdKeyset",
    "KeptShorter",
    "LinkPaging",
    "MeasuredList",
    "NextUrlPaging",
    "NoPaging",
    "ObjectIdPaging",
    "OffsetPaging",
    "PagePaging",
    "PageSize",
    "Polling",
    "Preparation",
    "Probe",
    "RateLimit",
    "Request",
    "Setting",
    "SignedRequest",
    "SinceScan",
    "SourceSpec",
    "StatementPaging",
    "TailCursor",
    "Token",
    "days",
    "hours",
    "minutes",
    "replace",
]


def days(count: float) -> timedelta:
    """Return a duration of days."""
    return timedelta(days=count)


def hours(count: float) -> timedelta:
    """Return a duration of hours."""
    return timedelta(hours=count)


def minutes(count: float) -> timedelta:
    """Return a duration of minutes."""
    return timedelta(minutes=count)


__getattr__ = imported_late(
    __name__,
    {
        "audit_provider.core.sources.reading.closed_windows": ("ClosedWindows",),
        "audit_provider.core.sources.reading.event_feed": ("EventFeed",),
        "audit_provider.core.sources.reading.file_export": ("FileExport",),
        "audit_provider.core.sources.reading.head_scan": ("HeadScan",),
        "audit_provider.core.sources.reading.id_keyset": ("IdKeyset",),
        "audit_provider.core.sources.reading.measured_list": ("MeasuredList",),
        "audit_provider.core.sources.reading.since_scan": ("SinceScan",),
        "audit_provider.core.sources.reading.tail_cursor": ("TailCursor",),
    },
)
"""Importing a source imports its own reading strategy only."""
