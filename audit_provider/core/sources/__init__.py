"""The sources: descriptions of each vendor's API, and how they are read without loss.

``spec`` holds the values that describe a source; ``paging`` says how the next page is found, and ``export`` where its
files are. ``pages`` reads one page, ``page_records`` finds the records on it, and ``files`` reads one file.
``reading`` holds the strategies, ``vendors`` one file per vendor. ``inline`` reads a source that a user described. A
task imports only what it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.discovery import imported_late
from audit_provider.core.sources.spec import SourceSpec
from audit_provider.core.sources.vendors import Sources

if TYPE_CHECKING:
    from audit_provider.core.sources.pages import Page, PageReader
    from audit_provider.core.sources.reading.base import Reading
    from audit_provider.core.sources.reading.reader import Reader
    from audit_provider.core.sources.vendors.pylon import PYLON, PYLON_LIST

REGISTRY = Sources()
"""Every source, by the name used in the pipelines file; its vendor's file is imported when it is used."""

__all__ = ["PYLON", "PYLON_LIST", "REGISTRY", "Page", "PageReader", "Reader", "Reading", "SourceSpec"]

__getattr__ = imported_late(
    __name__,
    {
        "audit_provider.core.sources.pages": ("Page", "PageReader"),
        "audit_provider.core.sources.reading.base": ("Reading",),
        "audit_provider.core.sources.reading.reader": ("Reader",),
        "audit_provider.core.sources.vendors.pylon": ("PYLON", "PYLON_LIST"),
    },
)
