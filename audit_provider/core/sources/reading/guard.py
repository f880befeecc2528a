"""Stop a scan that makes no progress, whatever the service answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from audit_provider.core.errors import CircleError, ProtocolError

if TYPE_CHECKING:
    import msgspec

    from audit_provider.core.sources.pages import Page

CURSOR_REFUSALS = frozenset({400, 404, 409, 410, 422})
"""Statuses of a request with a cursor that mean: this cursor is no longer valid."""

_TELLING = re.compile(r"-?\d{1,3}|[A-Za-z]{1,8}")
"""A cursor that a message may show, because it may mark the end of the list; other cursors may hold secrets."""

MOST_EMPTY_PAGES = 100
MOST_SAME_PAGES = 3


Ends = tuple[int, str, "msgspec.Raw", "msgspec.Raw"]
"""Of a page: number of records, id of the first record, the first record, the last record."""


class LoopGuard:
    """Ends a scan that makes no progress.

    :param scan: what is scanned, for the message.
    """

    def __init__(self, scan: str) -> None:
        self._scan = scan
        self._met: set[str] = set()
        self._empty = 0
        self._seen: Ends | None = None
        self._same = 0

    def show(self, page: Page) -> None:
        """Check the next page of the scan.

        :raises CircleError: a cursor came back, or page after page is the same.
        :raises ProtocolError: page after page is empty.
        """
        if not page.more:
            return
        if page.cursor in self._met:
            shown = f" ({page.cursor})" if _TELLING.fullmatch(page.cursor) else ""
            raise CircleError(
                f"{self._scan} leads round in a circle: a cursor was repeated{shown}, so the rest cannot be read: if "
                "the list ends with a cursor such as 0 or -1, name that value in paging.ends_at of the source."
            )
        self._met.add(page.cursor)
        events = page.events
        seen = (len(events), events[0].id, events[0].raw.copy(), events[-1].raw.copy()) if events else None
        self._same = self._same + 1 if _are_same(page, seen, self._seen) else 0
        self._seen = seen
        # A new row pushes the others down, so a busy log may show a page again. Repeated records without an id would
        # become events that never happened, so fewer repeats are allowed.
        if self._same >= (MOST_EMPTY_PAGES if page.named else MOST_SAME_PAGES):
            raise CircleError(
                f"{self._scan} leads round in a circle: {self._same + 1} pages in a row are the same, so the service "
                "ignores the parameter for the next page: correct the source's paging or, if the last page is repeated "
                "at the end of the list, set paging.ends_when_same to true."
            )
        self._empty = 0 if page.events else self._empty + 1
        if self._empty > MOST_EMPTY_PAGES:
            raise ProtocolError(
                f"{self._scan} returned {self._empty} empty pages in a row although it says that there is more."
            )


def _are_same(page: Page, seen: Ends | None, before: Ends | None) -> bool:
    if not seen or not before or seen[0] != before[0] or (page.named and seen[1] != before[1]):
        return False  # as for nearly every page, without comparing its records
    return all(map(page.content.is_same, seen[2:], before[2:]))
