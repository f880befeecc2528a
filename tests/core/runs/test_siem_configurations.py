"""The destinations as an administrator sees them."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import ConfigurationError
from audit_provider.core.model import Offset, ShipCounts
from audit_provider.core.pipeline import pipeline_from
from audit_provider.core.runs.siem_configurations import siem_configurations
from tests.core.runs.conftest import LIVE, NOW

DESTINATIONS = {"far": {"type": "s3", "bucket": "b"}, "off": {"type": "datadog", "enabled": False}}
PIPELINE = pipeline_from("p", {"source": "pylon", "destinations": DESTINATIONS})


def listed(kept, endpoint=lambda delivery: f"at {delivery.name}"):
    found = siem_configurations(kept.ledger, kept.store, [PIPELINE], endpoint=endpoint)
    return {each.name: each for each in found}


def test_each_destination_is_listed_with_how_it_fares(kept):
    kept.spool(segments=2)
    kept.keep_offset(Offset(2, 1, "c", counts=ShipCounts(delivered=4), last_success=NOW, failures_in_a_row=2))
    found = listed(kept)
    assert (found["far"].endpoint, found["far"].pending, found["far"].failures_in_a_row) == ("at far", 2, 2)
    assert (found["off"].enabled, found["off"].pending, found["off"].last_success) == (False, 6, None)


@pytest.mark.parametrize(("chain", "success"), [("c", NOW), ("before", None)])
def test_an_offset_of_another_chain_says_nothing(kept, chain, success):
    kept.spool()
    kept.keep_offset(Offset(1, chain=chain, last_success=success and NOW))
    assert listed(kept)["far"].last_success == success


def test_a_destination_fares_as_it_did_where_the_position_is_gone(kept):
    kept.spool()
    kept.keep_offset(Offset(1, 1, "c", last_success=NOW))
    kept.ledger.delete(LIVE.cursor_key)
    assert (listed(kept)["far"].last_success, listed(kept)["far"].pending) == (NOW, 0)


def test_a_connection_without_an_address_says_why(kept):
    def endpoint(delivery):
        raise ConfigurationError("there is no connection 'x': make it.")

    assert listed(kept, endpoint)["far"].endpoint == "there is no connection 'x': make it."
