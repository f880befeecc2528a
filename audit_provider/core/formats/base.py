"""What a format is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from audit_provider.core.model import Event


class Form(Protocol):
    """A format, made for the events of one origin."""

    @property
    def is_json(self) -> bool:
        """Whether what it writes is a JSON object; otherwise it is a line of text."""

    def write(self, event: Event) -> bytes:
        """Return the event in this form: UTF-8, one line.

        :raises ValueError: it cannot be written.
        """


def as_json(form: Form, event: Event) -> bytes:
    """Return the event as one JSON value: an object, or a text if the format is a text."""
    written = form.write(event)
    return written if form.is_json else msgspec.json.encode(written.decode())
