"""Who signs the checkpoints of this Airflow."""

from __future__ import annotations

from audit_provider.core.runs.checkpoints import Signer
from audit_provider.host.settings import checkpoint_conn_id


def signer() -> Signer:
    """Return who signs checkpoints: the connection of Airflow's settings, or nobody where they name none.

    :raises AuditError: the connection cannot be used.
    """
    conn_id = checkpoint_conn_id()
    if not conn_id:
        return Signer()
    from audit_provider.hooks.checkpoint_key import CheckpointKeyHook

    return CheckpointKeyHook(conn_id).signer()
