"""The part of ``make real`` that needs two small Debian packages alone: they are fetched where apt-get may."""

from __future__ import annotations

import pytest

from tests.real.obtaining import UnobtainableError
from tests.real.servers.base import Place
from tests.real.servers.syslog_receivers import RSYSLOG, SERVERS, SYSLOG_NG, adverse, edges

KINDS = {"rsyslog": RSYSLOG, "syslog-ng": SYSLOG_NG}


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def receiver(request, tmp_path):
    """One of the two, and a folder for it."""
    try:
        made = request.param.obtain(request.param.version)
    except UnobtainableError as error:
        pytest.skip(f"{request.param.name} cannot be had here: {error}")
    return KINDS[request.param.name], Place(made, tmp_path)


@pytest.mark.parametrize("scenario", [adverse, edges])
def test_what_is_delivered_is_held(receiver, scenario):
    kind, place = receiver
    found = scenario(kind, place)
    assert not found.wrong, found
