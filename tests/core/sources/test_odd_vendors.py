"""Every source over a vendor that keeps its contract and makes trouble all the same: nothing is lost or doubled."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime

import pytest

from audit_provider.core.errors import AuditError
from audit_provider.core.records.fields import parts_of
from audit_provider.core.sources import REGISTRY
from audit_provider.testing import sources
from audit_provider.testing.contract import at, put
from audit_provider.testing.contract_service import ContractService, Row
from audit_provider.testing.server import Reply
from audit_provider.testing.sources import NOW, SourceDesk, canonical, moments
from tests.core.simulation import MemoryStore
from tests.core.sources.test_contracts import FIXTURES, LISTS


def later(status, **headers):
    return Reply(status, b'{"message":"not now"}', {name.replace("_", "-"): value for name, value in headers.items()})


WAIT_UNTIL = format_datetime(NOW + timedelta(seconds=20), usegmt=True)
TROUBLE = {
    2: later(503),
    4: later(429, Retry_After=WAIT_UNTIL),
    6: Reply(200, b"<html>Please sign in</html>", {"Content-Type": "text/html"}),
    8: later(502),
    9: later(429, Retry_After="7"),
}
"""What is answered in place of a page, by the number of the request."""


class OddService(ContractService):
    """A vendor with odd records and answers.

    :ivar ends_early: the requests with a cursor that are answered by an empty last page, by number.
    """

    ends_early = (3,)

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._asked = self._led = 0

    @property
    def is_quiet(self):
        """Whether all trouble is over."""
        return self._asked > max(TROUBLE)

    def add(self, happened):
        before = len(self.rows)
        super().add(happened)
        self.rows[before:] = [Row(self._odd(each), each.moment, each.number) for each in self.rows[before:]]

    def _odd(self, row):
        contract, record = self.contract, row.record
        if contract.id_at and " + " not in contract.id_at and isinstance(at(record, contract.id_at), str):
            put(record, contract.id_at, f"é報告😀 {row.number:05}/?&=+%#\"'\\")
        keys = (contract.id_at, contract.time_at, contract.happened_at, contract.vary_at)
        kept = {
            part.replace("\\.", "\0").split(".")[0].replace("\0", ".") for key in keys if key for part in parts_of(key)
        }
        for name in [each for each in record if each not in kept]:
            if row.number % 3 == 0:
                record[name] = None
            elif row.number % 3 == 1 and len(record) > len(kept) + 2:
                del record[name]
        return record

    def _serve(self, contract, call, request, asked):
        self._asked += 1
        if trouble := TROUBLE.get(self._asked):
            return trouble
        reply = super()._serve(contract, call, request, asked)
        cursor = asked.get("cursor") and asked["cursor"] != getattr(contract.paging, "begin", None)
        cursor = cursor and not getattr(contract.paging, "tail", False)
        self._led += bool(cursor)
        if cursor and contract.paging.style in ("cursor", "next_url", "link") and self._led in self.ends_early:
            content, headers = contract.page_of([]), {}
            self._lead_on(contract, call, request, content, headers, dict(asked), [], 0, False)
            return Reply(200, json.dumps(content).encode(), headers)
        return reply


@pytest.mark.parametrize("name", LISTS)
def test_odd_records_and_answers_lose_and_double_nothing(name, monkeypatch):
    monkeypatch.setattr(sources, "ContractService", OddService)
    desk = SourceDesk(REGISTRY[name], FIXTURES / name, monkeypatch, MemoryStore())
    desk.service.add(moments(26))
    pulled = None
    with desk.service:
        for minutes in (5, *[70] * 9):
            try:
                pulled = desk.pull()
            except AuditError:
                pulled = None
            if pulled and desk.service.is_quiet and desk.now > NOW + timedelta(hours=1):
                break
            desk.now += timedelta(minutes=minutes)
    assert pulled is not None
    assert pulled.complete
    assert canonical(desk.records()) == canonical(row.record for row in desk.service.rows)
    assert desk.gaps == []
