"""The law that no vendor may break: examples that once did, then others, and proof that they are worth something."""

from __future__ import annotations

import functools
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.vendors.campaign import LONG, Explored, explore, hold
from tests.fuzz.vendors.desk import Desk
from tests.fuzz.vendors.drawn import EMPTIES, KINDS, PAIRS, PROXIED, URLS, VALUE_ENDS
from tests.fuzz.vendors.files import WRITTEN
from tests.fuzz.vendors.service import BROKEN, LATER, LINKS
from tests.fuzz.vendors.vendor import ENDS, read_vendor
from tests.fuzz.vendors.written import NO_TIMES, ODD, TIMES

KEPT = [json.loads(line) for line in Path(__file__).with_name("kept.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("kept", KEPT, ids=lambda each: each["why"])
def test_an_example_that_once_failed_keeps_the_law(kept):
    hold(Desk(read_vendor(json.dumps(kept["vendor"]))).play())


@functools.cache
def explored(reading: str, paging: str) -> Explored:
    return explore(reading, paging)


@pytest.mark.timeout(0 if LONG else 300)
@pytest.mark.parametrize(("reading", "paging"), PAIRS, ids=map("-".join, PAIRS))
def test_no_vendor_breaks_the_law(reading, paging):
    failure = explored(reading, paging).failure
    if failure:
        raise failure


@pytest.mark.parametrize(("reading", "paging"), PAIRS, ids=map("-".join, PAIRS))
def test_most_examples_read_events_to_the_end(reading, paging):
    """A law that is held against runs which read nothing holds nothing."""
    found = explored(reading, paging)
    assert found.examples >= 10
    assert found.read >= 0.8 * found.examples
    assert found.green >= 0.8 * found.examples


DIMENSIONS = {
    "killed": ("request", "before", "after"),
    "paging": {paging for _, paging in PAIRS} - {"job"},
    "end": ("null", "empty page", "last again", "pages", "no link"),
    "times": ("rfc3339", "rfc3339_ms", "rfc3339_hour", "rfc3339_no_zone", "datetime", "epoch", "epoch_ms", "date"),
    "order": ("newest", "oldest", "shuffled"),
    "bounds": ("[]", "[)", "(]", "()"),
    "cursors": ("row", "count"),
    "keys": ("as is", "shuffled", "each time"),
    "space": ("none", "spaces", "lines"),
    "escapes": ("few", "all", "slashes", "none"),
    "case": ("Usual", "small", "CAPITALS", "mIxEd"),
    "method": ("GET", "POST"),
    **dict.fromkeys(("bom", "packed", "chunked", "numbers", "flag"), (True, False)),
    **dict.fromkeys(("total", "goes_on", "recovery", "sweeps"), (True, False)),
}
"""Each way in which vendors differ, and its values."""

MANY = {
    **{"later": LATER, "broken": BROKEN, "odd": ODD, "link": LINKS, "file": WRITTEN, "empty": EMPTIES},
    **{"end": (*VALUE_ENDS, *ENDS, "same"), "time_form": (*TIMES, *NO_TIMES), "kind": KINDS},
    "url": (*URLS, *PROXIED, "href"),
}
"""Ways with many forms: most of these are met here, and all of them in ``test_forms``."""

ROWS = {
    *("equal id, equal bytes", "equal id, other bytes", "no id", "no id, equal bytes"),
    *("rows leave", "rows come late", "rows arrive while the list is read", "way on in a header"),
}


def test_each_way_in_which_vendors_differ_is_met():
    met = sum((explored(*pair).met for pair in PAIRS), Counter())

    def missing(key, values):
        return [f"{key}: {each}" for each in values if not met[f"{key}: {each}"] + met[f"{key}={each}"]]

    assert {key: lost for key, values in DIMENSIONS.items() if (lost := missing(key, values))} == {}
    assert [each for each in ROWS if not met[each]] == []
    assert {key: lost for key, values in MANY.items() if len(lost := missing(key, values)) > len(values) / 2} == {}
