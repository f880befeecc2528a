"""The sources: descriptions of each vendor's API, and how they are read without loss.

``spec`` holds the values that describe a source, ``paging`` how the next page is found, ``export`` where its files are;
``pages`` reads one page and ``files`` one file; ``reading`` holds the strategies, ``vendors`` one file per vendor;
``inline`` reads a source that a user described.
"""

from audit_provider.core.sources.pages import Page, PageReader
from audit_provider.core.sources.reading.base import Reader, Reading
from audit_provider.core.sources.spec import SourceSpec
from audit_provider.core.sources.vendors import find_sources
from audit_provider.core.sources.vendors.pylon import PYLON, PYLON_LIST

REGISTRY: dict[str, SourceSpec] = find_sources()
"""Every source, by the name used in the pipelines file."""

__all__ = ["PYLON", "PYLON_LIST", "REGISTRY", "Page", "PageReader", "Reader", "Reading", "SourceSpec"]
