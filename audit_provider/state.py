"""Airflow's Variables as the ledger: the only module that writes them.

Which record is kept under which key, and how two writers are kept apart: :mod:`audit_provider.core.ledger.records`.
"""

from __future__ import annotations

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError

from audit_provider.core.ledger.position import Position
from audit_provider.core.ledger.records import Record, not_written, offset_record, position_record
from audit_provider.core.ledger.stream_name import StreamName
from audit_provider.core.model import Offset
from audit_provider.host.missing import confirmed_variable

__all__ = ["OffsetVariable", "PositionVariable", "StreamName", "Variables"]


class Variables:
    """The ledger of a running pipeline, see :class:`audit_provider.core.ledger.records.Ledger`."""

    def read(self, key: str) -> str | None:
        """Return the value of a Variable, or None if there is none.

        :raises UnavailableError: it is not known whether there is one. ``Variable.get`` returns its default then too,
            so a position that cannot be read would look like one that was deleted.
        """
        text: str | None = Variable.get(key, default=None)
        return confirmed_variable(key) if text is None else text

    def write(self, key: str, text: str, description: str = "") -> None:
        """Write a Variable.

        :raises UnavailableError: Airflow may not have written it.
        """
        try:
            Variable.set(key, text, description=description)
        except ImportError:
            # Outside of a task there is no API server to send a Variable to, so it is written to Airflow's database.
            from airflow.models.variable import Variable as StoredVariable

            StoredVariable.set(key, text, description=description)
        except AirflowRuntimeError:
            raise not_written(key) from None

    def delete(self, key: str) -> None:
        """Delete a Variable."""
        Variable.delete(key)


def PositionVariable(name: StreamName) -> Record[Position]:  # noqa: N802 - the name that scripts for 0.1 use
    """Return the record of a stream's position, in Airflow's Variables."""
    return position_record(Variables(), name)


def OffsetVariable(name: StreamName, destination: str) -> Record[Offset]:  # noqa: N802 - likewise
    """Return the record of a destination's offset in a stream, in Airflow's Variables."""
    return offset_record(Variables(), name, destination)
