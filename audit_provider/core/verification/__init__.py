"""Verification: read a spool again from end to end, and compare it with what a destination has.

``segments`` reads one segment, ``chain`` follows one chain and reads the marks of removal, ``dead_letters`` reads dead
letters, ``spool`` verifies a whole spool, ``arrival`` compares ids with those of a destination, which ``objects`` and
``documents`` find, ``report`` holds the result.
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
