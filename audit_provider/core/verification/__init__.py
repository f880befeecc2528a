"""Verification: a spool read again from end to end, and held against what a destination has.

``segments`` reads one segment, ``chain`` follows one chain and reads what was removed, ``dead_letters`` reads dead
letters, ``spool`` verifies all of it, ``arrival`` compares ids with a destination, whose ids ``objects`` and
``documents`` find, ``report`` says what came out.
"""

from audit_provider.core.verification.arrival import Arrival
from audit_provider.core.verification.documents import DocumentSearch
from audit_provider.core.verification.objects import ObjectIds
from audit_provider.core.verification.report import Fault, Verification, VerifiedArrival, VerifiedIds, VerifiedStream
from audit_provider.core.verification.spool import Progress, streams_in, verify

__all__ = [
    "Arrival",
    "DocumentSearch",
    "Fault",
    "ObjectIds",
    "Progress",
    "Verification",
    "VerifiedArrival",
    "VerifiedIds",
    "VerifiedStream",
    "streams_in",
    "verify",
]
