"""Faults planted in the product: each is found by the law, so a fault of its kind would be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from requests.utils import parse_header_links

from audit_provider.core.errors import ProtocolError
from audit_provider.core.records.events import RecordReader
from audit_provider.core.sources.pages import PageReader
from audit_provider.core.sources.paging import LinkPaging, Way
from audit_provider.core.sources.shown import Shown
from audit_provider.core.spool import KnownEvents, SegmentWriter
from audit_provider.core.wire.http import Answer, HttpClient
from tests.fuzz.vendors.campaign import explore


def link_parser_that_gives_up(patch):
    """What it cannot read is no link, and no link is the end."""

    def read(self, shown):
        links = parse_header_links(shown.headers.get("Link", ""))
        link = next((each for each in links if each.get("rel") == "next"), None)
        if link is None or (self.results and link.get("results") != "true"):
            return Way("", more=False)
        return Way(shown.local(link["url"]), more=not (self.ends_when_empty and not shown.ids))

    patch.setattr(LinkPaging, "read", read)


def second_equal_id_dropped(patch):
    """Of one page, only the first record of an id is kept."""
    whole = RecordReader.events

    def events(self, *args, **options):
        found, times = whole(self, *args, **options)
        first = {event.id.partition("~")[0]: place for place, event in reversed(list(enumerate(found)))}
        kept = [place for place, event in enumerate(found) if place in first.values()]
        return [found[place] for place in kept], [times[place] for place in kept]

    patch.setattr(RecordReader, "events", events)


def number_is_no_cursor(patch):
    """A cursor that is a number is taken for none."""
    whole = Shown.cursor

    def cursor(self, path, *ends):
        return "" if isinstance(self.at(path), int) else whole(self, path, *ends)

    patch.setattr(Shown, "cursor", cursor)


def empty_page_is_the_end(patch):
    """A page without records ends the list, whatever its cursor says."""
    whole = PageReader.fetch

    def fetch(self, *args, **options):
        page = whole(self, *args, **options)
        return page if page.events else replace(page, more=False)

    patch.setattr(PageReader, "fetch", fetch)


def trouble_is_an_empty_page(patch):
    """A 5xx is answered for the service with an empty page."""
    whole = HttpClient.send

    def send(self, *args, **options):
        answer = whole(self, *args, **options)
        if answer.status < 500:
            return answer
        return Answer(200, answer.headers, b'{"data":[],"result":{"items":[]}}', answer.where)

    patch.setattr(HttpClient, "send", send)


def first_page_is_all(patch):
    """A list ends with its first page."""
    whole = PageReader.fetch

    def fetch(self, window, cursor, *args):
        page = whole(self, window, cursor, *args)
        return page if cursor else replace(page, more=False)

    patch.setattr(PageReader, "fetch", fetch)


def nothing_is_known(patch):
    """What is read again is spooled again."""
    patch.setattr(KnownEvents, "admit", lambda self, events: list(events))


def last_event_lost(patch):
    """The last of more than three events never gets into its segment."""
    whole = SegmentWriter.add
    patch.setattr(SegmentWriter, "add", lambda self, events: whole(self, events[:3]))


def waits_are_not_heeded(patch):
    """Whatever wait is asked for, the next request comes at once."""
    patch.setattr(HttpClient, "_wait", lambda *_, **__: 0.0)


def chunks_refused(patch):
    """An answer that comes in chunks is none."""
    whole = HttpClient.send

    def send(self, *args, **options):
        answer = whole(self, *args, **options)
        if "Transfer-Encoding" in answer.headers:
            raise ProtocolError(f"{answer.where} answered in chunks.")
        return answer

    patch.setattr(HttpClient, "send", send)


def offsets_ignored(patch):
    """The offset of a time is dropped."""
    whole = RecordReader.events

    def events(self, records, *args, **options):
        changed = [type(each)(bytes(each).replace(b"+02:00", b"Z").replace(b"-0500", b"Z")) for each in records]
        return whole(self, changed, *args, **options)

    patch.setattr(RecordReader, "events", events)


FAULTS = [
    (link_parser_that_gives_up, "closed_windows", "link", "must be there|a request was wrong"),
    (second_equal_id_dropped, "closed_windows", "none", "must be there"),
    (number_is_no_cursor, "closed_windows", "cursor", "must be there|more but gives no cursor"),
    (empty_page_is_the_end, "closed_windows", "page", "must be there"),
    (trouble_is_an_empty_page, "head_scan", "page", "must be there"),
    (first_page_is_all, "closed_windows", "cursor", "must be there"),
    (nothing_is_known, "since_scan", "none", "it was served"),
    (last_event_lost, "closed_windows", "none", "must be there|the account says"),
    (waits_are_not_heeded, "closed_windows", "page", "asked again too early"),
    (chunks_refused, "closed_windows", "page", "the last run ended with"),
    (offsets_ignored, "closed_windows", "none", "has the time"),
]


@pytest.mark.parametrize(("plant", "reading", "paging", "breach"), FAULTS, ids=[plant.__name__ for plant, *_ in FAULTS])
def test_a_planted_fault_is_found(plant, reading, paging, breach, monkeypatch):
    plant(monkeypatch)
    # Which examples are drawn depends on what else is imported, so there is room for bad luck.
    found = explore(reading, paging, examples=3000)
    assert found.failure is not None, f"not found in {found.examples} examples"
    assert re.search(breach, str(found.failure))
