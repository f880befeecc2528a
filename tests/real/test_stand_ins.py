"""Every stand-in is held against servers that speak its protocol, or it is named here with the reason why not.

The requests are in the other files: what a stand-in answers otherwise is corrected in it, or named there as a property
of that server.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_provider.sandbox.siems import find_stand_ins

HELD = {
    "datadog": "test_stand_ins_of_intakes.py",
    "elasticsearch": "test_stand_in_elasticsearch.py",
    "http": "test_stand_in_http.py",
    "s3": "test_stand_in_s3.py",
    "sftp": "test_stand_in_sftp.py",
    "splunk_hec": "test_stand_ins_of_intakes.py",
    "syslog": "test_stand_in_syslog.py",
}
NOT_HELD = {"sentinel": "no package holds a server that speaks the Logs Ingestion API"}


def test_no_stand_in_is_forgotten():
    assert {*HELD, *NOT_HELD} == set(find_stand_ins())


@pytest.mark.parametrize("name", HELD)
def test_its_requests_are_there(name):
    text = (Path(__file__).parent / HELD[name]).read_text()
    assert f"{find_stand_ins()[name].__name__}(" in text or f"{find_stand_ins()[name].__name__}.accepting(" in text
