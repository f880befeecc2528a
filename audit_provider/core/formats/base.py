"""The definition of a format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin


class Form(Protocol):
    """A format, made for the events of one origin."""

    @property
    def is_json(self) -> bool:
        """Whether it writes a JSON object; otherwise it writes a line of text."""

    def write(self, event: Event) -> bytes:
        """Return the event in this form: UTF-8, one line.

        :raises ValueError: it cannot be written.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The description of a format. Calling it with an origin and OCSF's version makes the format for that origin.

    :ivar name: Its name in the pipelines file.
    :ivar about: What is sent, for the documentation, in Markdown.
    :ivar make: Makes the format for the events of one origin. The text is the version of OCSF, which other formats
        ignore.
    """

    name: str
    about: str
    make: Callable[[Origin, str], Form]

    def __call__(self, origin: Origin, version: str) -> Form:
        """Return the format, made for the events of one origin."""
        return self.make(origin, version)


def as_json(form: Form, event: Event) -> bytes:
    """Return the event as one JSON value: an object, or a text if the format is a text."""
    written = form.write(event)
    return written if form.is_json else msgspec.json.encode(written.decode())
