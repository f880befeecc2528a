"""Whether the files of counts in a spool are those that the last report has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.monitoring.activity import FOLDER, Activity, digest_of
from audit_provider.core.verification.report import Fault
from audit_provider.core.verification.segments import FlawError, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.spool import Store


def check_counts(store: Store, pipeline: str, vouched: Mapping[str, str]) -> list[Fault]:
    """Compare the counts of a pipeline with what the ledger says of them.

    :param vouched: digests of its files by name; empty where nothing says what they are.
    :raises AuditError: the spool cannot be listed.
    """
    folder, faults = f"{pipeline}/{FOLDER}", []
    if not vouched:
        return []
    for name, digest in vouched.items():
        try:
            if digest_of(fetch(store, folder, name)) != digest:
                wrong = "is not what the last report has left: events of that day may be counted wrongly"
                faults.append(Fault("damaged", folder, 0, f"{folder}/{name}", wrong))
        except FlawError as error:
            faults.append(Fault(error.flaw.kind, folder, 0, f"{folder}/{name}", error.flaw.wrong))
    others = sorted(Activity(store, pipeline).names() - vouched.keys())
    return [*faults, *(Fault("foreign", folder, 0, f"{folder}/{name}", "was written by no report") for name in others)]
