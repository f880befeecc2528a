"""Smartsheet rounds the bounds of a time range to the nearest hour.

https://developers.smartsheet.com/api/smartsheet/openapi/events/list-events
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit_provider.core.model import Window
from audit_provider.core.sources import REGISTRY
from audit_provider.testing.contract import read_contract
from audit_provider.testing.contract_service import ContractService
from tests.core.sources.vendors.vendor_desk import NOW, VendorDesk

SMARTSHEET = REGISTRY["smartsheet"]
CONTRACT = read_contract(Path(__file__).parents[3] / "fixtures/smartsheet")
HOUR = NOW - timedelta(hours=3)


@pytest.fixture
def service():
    with ContractService(CONTRACT) as service:
        service.add([at(minute) for minute in range(0, 120, 3)])
        yield service


def at(minute):
    return HOUR + timedelta(minutes=minute)


def read(service, monkeypatch, spec=SMARTSHEET, **options):
    """Return the minutes of the events that are read."""
    desk = VendorDesk("smartsheet", service, CONTRACT.connection, monkeypatch, spec=spec)
    desk.run(**options)
    return sorted((event.time - HOUR) // timedelta(minutes=1) for event in desk.events())


@pytest.mark.parametrize(("start", "end"), [(5, 25), (35, 55), (40, 80), (10, 50)])
def test_a_window_of_less_than_an_hour_is_read(service, monkeypatch, start, end):
    """Where both bounds are nearest to the same hour, Smartsheet answers that there is nothing."""
    found = read(service, monkeypatch, SMARTSHEET.for_backfill(), within=Window(at(start), at(end)))
    assert found == [minute for minute in range(0, 120, 3) if start <= minute < end]


def test_the_first_run_reads_from_its_start_on(service, monkeypatch):
    found = read(service, monkeypatch, start=at(40))
    assert set(found) >= {minute for minute in range(0, 120, 3) if minute >= 40}
