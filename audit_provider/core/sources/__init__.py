"""The sources: what each vendor's API looks like, and how it is read without loss.

``spec`` holds the values that describe a source, ``pages`` reads one page, ``reading`` holds the strategies,
``vendors`` one file per vendor.
"""

from audit_provider.core.sources.pages import Page, PageReader
from audit_provider.core.sources.reading.base import Reader, Reading
from audit_provider.core.sources.spec import SourceSpec
from audit_provider.core.sources.vendors.pylon import PYLON, PYLON_LIST

REGISTRY: dict[str, SourceSpec] = {spec.name: spec for spec in (PYLON, PYLON_LIST)}
"""Every source, by the name used in the pipelines file."""

__all__ = ["REGISTRY", "Page", "PageReader", "Reader", "Reading", "SourceSpec"]
