"""Looking for values in a page with a budget, so that the time is linear in the page whatever is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from audit_provider.core.loose_json import KEY, BrokenError, Token, key_from, past_space, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LEVELS = 500
"""Of a record that is kept as it is: readers of the spool have to go down as far, from wherever they are called."""

_TOKEN_COST, _BYTE_COST = 16, 4
"""Of what is looked at in search of the next record. So much may be spent, and for each byte of the page as much as one
costs: the time stays linear, whatever is sent.
"""

_FREE_COST = 16_000_000
_MOST_QUICK_FAILURES = 1000
"""Of the decoder that is tried first, on one page: each failure of it counts the lines from the beginning."""

_decode = json.JSONDecoder().raw_decode


class SearchEndedError(Exception):
    """The search for the next record has taken too long."""


class Scan:
    """Finds where values end.

    :param around: objects around the list of records.
    """

    def __init__(self, body: bytes, around: int) -> None:
        self._body = body
        self._around = around
        self._budget = _FREE_COST + _BYTE_COST * len(body)
        self._quick_failures = 0
        # Letters of this encoding are bytes, so that places are the same in both.
        self._text = body.decode("latin-1")

    def ends(self, place: int) -> bool:
        """Whether the list ends here: behind it stands what closes all that is around it, and nothing more."""
        body = self._body
        if body[place : place + 1] != b"]":
            return False
        end = place + 1
        if self._around:
            try:
                end = max(token[2] for token in self._searched(end, self._around))
            except BrokenError:
                return False
        return past_space(body, end) == len(body)

    def value(self, start: int, keys: set[str] | None, *, is_search: bool = False) -> tuple[int, int]:
        """Return the end of a value and how many levels it has at most. :param keys: takes those of an object."""
        if self._quick_failures < _MOST_QUICK_FAILURES:
            try:
                found, end = _decode(self._text, start)
            except (ValueError, RecursionError):
                self._quick_failures += 1
            else:
                if is_search:
                    self.spend(end - start)
                if keys is not None and isinstance(found, dict):
                    keys.update(key.encode("latin-1", "replace").decode(errors="replace") for key in found)
                levels = self._body.count(b"[", start, end) + self._body.count(b"{", start, end)
                if levels <= MOST_LEVELS:
                    return end, levels
        levels = 0
        for kind, begin, end, depth in self._searched(start) if is_search else tokens(self._body, start):
            levels = max(levels, depth)
            if keys is not None and kind == KEY and depth == 1:
                keys.add(key_from(self._body[begin:end]))
        return end, levels

    def _searched(self, place: int, open_objects: int = 0) -> Iterator[Token]:
        """Yield tokens, as far as there is budget for them."""
        try:
            for token in tokens(self._body, place, open_objects):
                self.spend(_TOKEN_COST + _BYTE_COST * (token[2] - place))
                place = token[2]
                yield token
        except BrokenError as error:
            self.spend(_BYTE_COST * (error.place - place))
            raise

    def spend(self, cost: int) -> None:
        self._budget -= cost
        if self._budget < 0:
            raise SearchEndedError
