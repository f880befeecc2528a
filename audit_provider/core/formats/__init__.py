"""The format of an event on arrival: one small file per format.

``raw`` is the vendor's record unchanged, and the default of most destinations. The others use what :mod:`facts` finds
in the record and what :mod:`meaning` says about its action.
"""

from __future__ import annotations

from collections.abc import Callable

from audit_provider.core.formats.base import Form, as_json
from audit_provider.core.formats.cef import Cef
from audit_provider.core.formats.ecs import Ecs
from audit_provider.core.formats.envelope import Envelope
from audit_provider.core.formats.ocsf import Ocsf
from audit_provider.core.formats.raw import Raw
from audit_provider.core.model import Origin

FORMATS: dict[str, Callable[[Origin, str], Form]] = {
    "raw": lambda origin, _: Raw(origin),
    "envelope": lambda origin, _: Envelope(origin),
    "ecs": lambda origin, _: Ecs(origin),
    "ocsf": Ocsf,
    "cef": lambda origin, _: Cef(origin),
}
"""What makes each format, by the name used in the pipelines file; the text is OCSF's version."""

__all__ = ["FORMATS", "Cef", "Ecs", "Envelope", "Form", "Ocsf", "Raw", "as_json"]
