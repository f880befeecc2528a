"""What can go wrong, grouped by what to do about it.

::

    AuditError
    ├── StopError               trying again cannot help until a person changes something
    │   ├── ConfigurationError  the pipelines file, a connection or an option is wrong
    │   ├── CredentialError     the service does not accept the credential
    │   ├── RefusedError        the service refuses the request itself (4xx)
    │   ├── ProtocolError       the answer is not what the service documents, so it cannot be trusted
    │   │   ├── MaybeStoredError  a destination's success that is not understood
    │   │   ├── CircleError     its cursors form a circle, so none can be trusted
    │   │   ├── CutOffError     an answer would have been too large
    │   │   └── LostPageError   a page does not exist although the page before said so
    │   ├── SpoolDamagedError   a segment is missing or is not what was written
    │   ├── FencedError         another run moved this position; this run must not
    │   └── DeadLetteredError   everything was shipped or set aside, and some events were set aside
    └── RetryError              nothing to change: the next try may succeed
        ├── UnavailableError    no usable answer within the tries allowed
        │   └── HungUpError     the other end closed the connection after a write
        └── WaitError           the service's budget needs a longer wait than is allowed here

A message is one sentence that says what happened, where, and what to change. It never holds a
credential, a query string or a whole body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoders raise if they cannot read a text. Only newer versions of msgspec raise a ValueError."""


class AuditError(Exception):
    """Base of every error this package raises on purpose."""


class StopError(AuditError):
    """Trying again cannot help until a person changes something."""


class ConfigurationError(StopError):
    """The pipelines file, a connection or an option is wrong."""


class CredentialError(StopError):
    """The service does not accept the credential (401, 403, wrong region, missing scope)."""


class RefusedError(StopError):
    """The service refuses the request itself.

    :ivar status: HTTP status of the answer; 400 if the vendor refuses a cursor with an error code of its own.
    :ivar resume_at: If a cursor was refused, the time that the service names for a restart.
    """

    def __init__(self, message: str, *, status: int, resume_at: datetime | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.resume_at = resume_at


class ProtocolError(StopError):
    """The answer is not what the service documents, so nothing may be concluded from it."""


class MaybeStoredError(ProtocolError):
    """A destination reported a success in an unknown form: most likely it has stored the events."""


class CutOffError(ProtocolError):
    """An answer would have been larger than the service allows, so a shorter time range has to be requested."""


class CircleError(ProtocolError):
    """The cursors of a scan form a circle, so nothing may be concluded from the pages read with them before."""


class LostPageError(ProtocolError):
    """A page does not exist, although the page before said that it does.

    Rows may have left the list since the cursor was returned, so a scan that was resumed is read again from its start.

    :ivar status: The same as for a refused cursor.
    """

    status = 410


class SpoolDamagedError(StopError):
    """A segment or its manifest is missing, or is not what was written."""


class FencedError(StopError):
    """Another run has moved this position since this run read it; continuing could undo that run's work."""


class DeadLetteredError(StopError):
    """Everything pending was shipped or set aside, and some events were set aside."""


class RetryError(AuditError):
    """Nothing needs to be changed: the next try may succeed."""


class UnavailableError(RetryError):
    """No usable answer came within the tries allowed.

    :ivar wait: Seconds for which the service asked to wait; None if it named none.
    """

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class HungUpError(UnavailableError):
    """The other end closed the connection after something was written: it has a fault, or cannot process what was
    written.
    """


class WaitError(RetryError):
    """The service's budget requires a longer wait than is allowed here.

    :ivar until: aware UTC time from which the work may continue.
    """

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until
