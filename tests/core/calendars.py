"""A pipeline's calendar that a test has made, with the event of a verification that vouches for it."""

from __future__ import annotations

import hashlib

from audit_provider.core.runs.own_streams import VERIFICATION_ACTION, evidence_event, spool_evidence


def keep(calendar, ledger, store, now, pipeline="p"):
    """Save a calendar as the verification of a time does."""
    digest = hashlib.sha256(calendar.content()).hexdigest()
    days = {str(day): {"after": each.state} for day, each in calendar.days.items()}
    record = {"action": VERIFICATION_ACTION, "calendar": digest, "days": days}
    spool_evidence(ledger, store, pipeline, [evidence_event(f"verification-{digest}", now, record)], now)
    calendar.save(store, pipeline)
