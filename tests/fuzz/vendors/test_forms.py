"""Each form in which vendors differ, one by one: plain examples with one thing that is strange."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.fuzz.vendors.campaign import hold
from tests.fuzz.vendors.desk import Desk
from tests.fuzz.vendors.drawn import EMPTIES, KINDS, PROXIED, URLS, VALUE_ENDS, WAYS
from tests.fuzz.vendors.files import WRITTEN
from tests.fuzz.vendors.service import BROKEN, LATER, LINKS
from tests.fuzz.vendors.vendor import ENDS, Row, Run, Vendor
from tests.fuzz.vendors.written import NO_TIMES, ODD, TIMES

ROWS = tuple(Row(late=1200 + 300 * number, name=f"e{number}", mark=f"m{number}") for number in range(7))
PLAIN = Vendor(rows=ROWS, sweeps=False)
LINKED = replace(PLAIN, paging="link")
FILES = Vendor(rows=ROWS, reading="file_export", paging="job")
LATE = (Row(run=1, late=60, name="later", mark="later"),)


def forms():
    """Yield the name of each form, what shows that it was met, and its example."""
    for each in LINKS:
        yield f"link: {each}", replace(LINKED, link=each)
    for each in (*URLS, *PROXIED, "href"):
        yield f"url={each}", replace(PLAIN, paging="next_url", url=each)
    for each in WRITTEN:
        yield f"file: {each}", replace(FILES, file=each)
    for each in LATER:
        yield f"later: {each}", replace(PLAIN, runs=(Run(trouble={1: each}),))
    for each in BROKEN:
        yield f"broken: {each}", replace(PLAIN, runs=(Run(trouble={1: each}),))
    for each in ODD:
        yield f"odd: {each}", replace(PLAIN, rows=(*ROWS, Row(late=900, name="odd", mark="odd", odd=each)))
    for each in (*VALUE_ENDS, *ENDS, "same"):
        yield f"end: {each}", replace(PLAIN, end=each, way_at="meta.next")
    for each in ("empty page", "pages", "last again"):
        yield f"end: {each}", replace(PLAIN, paging="page", end=each)
    yield "end: no link", LINKED
    for each in EMPTIES:
        yield f"empty: {each}", replace(PLAIN, absent_ok=True, empty=each, rows=LATE, runs=(Run(), Run()))
    for each in (*TIMES, *NO_TIMES):
        yield f"time_form={each}", replace(PLAIN, time_form=each)
    for each in KINDS:
        yield f"kind={each}", replace(PLAIN, kind=each)
    for each in WAYS:
        yield f"way_at={each}", replace(PLAIN, way_at=each)
    for each in ("request", "before", "after"):
        yield f"killed: {each}", replace(PLAIN, size=1, runs=(Run(kill=each, kill_at=1),))


FORMS = list(forms())


@pytest.mark.parametrize(("name", "vendor"), FORMS, ids=[name for name, _ in FORMS])
def test_each_form_keeps_the_law(name, vendor):
    desk = Desk(vendor).play()
    hold(desk)
    shown = name.partition("=")
    assert desk.service.met[name] or (shown[1] and getattr(vendor, shown[0]) == shown[2]), "it was not met"
    assert desk.spooled()
