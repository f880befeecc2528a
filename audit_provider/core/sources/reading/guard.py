"""What no scan may run into, whatever the service answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.errors import CircleError, ProtocolError

if TYPE_CHECKING:
    from audit_provider.core.sources.pages import Page

CURSOR_REFUSALS = frozenset({400, 404, 409, 410, 422})
"""Statuses of a request with a cursor that mean: this cursor is no longer valid."""

MOST_EMPTY_PAGES = 100


class LoopGuard:
    """Ends a scan that leads nowhere.

    :param scan: what is scanned, for the message.
    """

    def __init__(self, scan: str) -> None:
        self._scan = scan
        self._met: set[str] = set()
        self._empty = 0

    def show(self, page: Page) -> None:
        """Take in the next page of the scan.

        :raises CircleError: a cursor came back.
        :raises ProtocolError: page after page is empty.
        """
        if not page.more:
            return
        if page.cursor in self._met:
            raise CircleError(f"{self._scan} leads round in a circle: a cursor came back, so the rest is unreachable.")
        self._met.add(page.cursor)
        self._empty = 0 if page.events else self._empty + 1
        if self._empty > MOST_EMPTY_PAGES:
            raise ProtocolError(f"{self._scan} gave {self._empty} empty pages in a row and says that there is more.")
