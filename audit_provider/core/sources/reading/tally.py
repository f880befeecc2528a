"""Counts how often a record without an id was served, if a reading takes more than one answer.

Equal records without an id in one answer are that many events. Over two answers this is not certain: if a row is
inserted before the reader's place, the rows after it move, and the next page shows one of them again. So a record that
is on two pages is counted twice only if the part before it, requested once more, is unchanged: then nothing has moved.
The previous page is enough if it contains a record that was seen only once, because that would have moved visibly;
otherwise the page before it is requested as well.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from audit_provider.core.errors import RefusedError
from audit_provider.core.model import Event

if TYPE_CHECKING:
    from audit_provider.core.model import Window
    from audit_provider.core.sources.pages import Page, PageReader

_MOST_KEPT = 100
_MOST_PAGES = 100


class _Asked(NamedTuple):
    """A page that was read. :ivar names: ids of its events, numbered within the page."""

    window: Window | None
    cursor: str
    names: tuple[str, ...]


class Tally:
    """Reads the pages of one reading and numbers the equal records among them.

    :param kept: the counts that :meth:`place` returned when an earlier run left the reading.
    :param follows: the next run begins with the last cursor, so a cursor that leads to itself shows its page again. In
        a reading that has an end, such a cursor may mark the end.
    :ivar moved: number of records that were not counted, because two pages showed them and rows had moved in between.
    """

    def __init__(self, kept: Mapping[str, int] | None = None, *, follows: bool = False) -> None:
        self.moved = 0
        self._follows = follows
        self._counts: Counter[str] = Counter(kept)
        self._recent: dict[str, None] = dict.fromkeys(self._counts)
        self._before: dict[str, int] = {}
        self._pages: deque[_Asked] = deque(maxlen=_MOST_PAGES)
        self._begins_here = True
        self._alike: list[tuple[Page, Counter[str]]] = []
        self._alike_from: tuple[str, dict[str, int]] = "", {}

    def fetch(self, pages: PageReader, window: Window | None, cursor: str) -> Page:
        """Return a page as :meth:`PageReader.fetch` does; number its records without an id over the whole reading.

        :raises AuditError: as :meth:`PageReader.fetch` does.
        """
        same: Counter[str] = Counter()
        page = pages.fetch(window, cursor, same)
        self._before = self._snapshot()
        if not same and not self._alike:
            return page
        names = tuple(event.id for event in page.events)
        # Counted before :meth:`_stands` requests earlier pages again, which changes ``last_id``.
        counted = same - _shown_again(page, pages.records.last_id)
        if page.more and self._pages and names == self._pages[-1].names:
            # A service that ignores the parameter for the next page repeats a page for ever, which the guard ends.
            if not self._alike:
                self._alike_from = cursor, self._before
            self._alike.append((page, counted))
            return page
        again = {digest for digest in same if digest in self._counts}
        stays = self._follows and bool(cursor) and page.cursor == cursor and bool(page.events)
        # A cursor that leads to itself shows its page again.
        stands = not (again or self._alike) or (not stays and self._stands(pages))
        shown = []
        for each, count in (*self._alike, (page, counted)):
            self._before = self._snapshot()
            shown.append(_numbered(each, self._counts) if stands else each)
            if stands:
                self._counts += count
            else:
                # Only as many as one answer showed are certain.
                self.moved += 0 if stays else sum((self._counts & count).values())
                self._counts |= count
            for digest in count:
                self._recent.pop(digest, None)
                self._recent[digest] = None
        self._alike = []
        self._begins_here = self._begins_here and len(self._pages) < _MOST_PAGES
        self._pages.append(_Asked(window, cursor, names))
        for digest in list(self._recent)[:-_MOST_KEPT]:
            del self._recent[digest]
        return replace(
            page,
            events=tuple(event for each in shown for event in each.events),
            recorded=tuple(time for each in shown for time in each.recorded),
        )

    @property
    def waits(self) -> bool:
        """Whether the last page is counted when the page after it is read."""
        return bool(self._alike)

    def place(self, page: Page, asked: str) -> tuple[str, dict[str, int]]:
        """Return the cursor with which the next run begins, and the counts from which it continues.

        Pages that are alike are counted when the page after them is read. Until then, the next run begins with the
        first of them. Equal records have the same time and are served near each other, so the counts of the last
        hundred are enough.

        :param page: the last one. :param asked: the cursor of its request, which is kept if the page gave none.
        """
        if self._alike:
            return self._alike_from
        return (asked, self._before) if page.cursor in ("", asked) else (page.cursor, self._snapshot())

    def _snapshot(self) -> dict[str, int]:
        return {digest: self._counts[digest] for digest in self._recent}

    def _stands(self, pages: PageReader) -> bool:
        """Whether the pages that were read before in this run are unchanged.

        Pages of an earlier run are not checked: the cursor that it kept leads to their end.
        """
        for asked in reversed(self._pages):
            try:
                shown = pages.look_back(asked.window, asked.cursor)
            except RefusedError:
                return False  # a cursor that can be used only once
            if tuple(event.id for event in shown.events) != asked.names:
                return False
            if any(self._counts[name] == 1 for name in asked.names):
                return True
        return self._begins_here


def _shown_again(page: Page, last_id: str) -> Counter[str]:
    """Return the records after the last one with an id, if that id is the cursor: the next page begins with them."""
    behind: Counter[str] = Counter()
    if page.cursor and page.cursor == last_id:
        for event in reversed(page.events):
            if event.id == last_id:
                break
            behind[event.id.partition("-")[0]] += 1
    return behind


def said_of(moved: int, what: str) -> str:
    """Return the notice of records that were not counted. :param what: the list or window that was read."""
    return (
        f"{moved} records without an id were on two pages of {what} between which rows had moved: they are counted "
        "once, until a later reading shows that there are more"
    )


def said_of_known(known: int, what: str) -> str:
    """Return the notice of known records after a cursor, where all should be new. :param what: the list read."""
    return (
        f"{known} records of {what} came after its cursor and are equal to earlier ones: those without an id are "
        "counted once, unless they follow one another"
    )


def _numbered(page: Page, before: Mapping[str, int]) -> Page:
    return replace(page, events=tuple(_renamed(event, before) for event in page.events))


def _renamed(event: Event, before: Mapping[str, int]) -> Event:
    digest, _, number = event.id.partition("-")
    if digest not in before:
        return event
    return Event(f"{digest}-{before[digest] + int(number or 1)}", event.time, event.raw)
