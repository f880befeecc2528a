"""How far back vendors let anyone read: what is out of reach is reported, and what is within is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from audit_provider.core.sources import REGISTRY
from tests.core.simulation import BEGIN, PYLON, Pipeline, Service, every


def gaps(name, days, *, kept=None, **changes):
    """Read with a source's reach, from so many days ago on; return the gaps, and the pipeline."""
    spec = replace(REGISTRY[name], **changes)
    service = Service(rows=every(timedelta(days=1), days), page_size=100, now=BEGIN + timedelta(days=days), kept=kept)
    pipeline = Pipeline(service, source=replace(PYLON, lookback=spec.lookback, kept_shorter=spec.kept_shorter))
    pipeline.run()
    return pipeline.position.gaps, pipeline


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("cloudflare", 540),
        ("cloudflare_organization", 540),
        ("workos", 29),
        ("twilio", 29),
        ("airtable", 170),
        ("auth0", 29),
        ("entra_directory_audits", 6),
        ("entra_sign_ins", 29),
        ("cursor", 29),
        ("workday", 29),
        ("salesforce_setup_audit_trail", 170),
        ("anthropic_compliance", 700),
    ],
)
def test_what_is_kept_is_read_without_a_gap(name, days):
    found, pipeline = gaps(name, days)
    assert found == ()
    assert len(pipeline.spooled()) == days


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("cloudflare", 600),
        ("workos", 60),
        ("airtable", 200),
        ("auth0", 40),
        ("entra_sign_ins", 60),
        ("entra_sign_ins_non_interactive", 60),
        ("cursor", 45),
        ("salesforce_setup_audit_trail", 200),
    ],
)
def test_what_is_no_longer_kept_is_a_gap(name, days):
    (gap,), _ = gaps(name, days)
    assert (gap.wanted, gap.kind) == (BEGIN, "look_back")
    assert gap.possible > BEGIN + timedelta(days=days) - REGISTRY[name].lookback


@pytest.mark.parametrize(("name", "kept", "days"), [("entra_directory_audits", 7, 20), ("workday", 30, 50)])
def test_what_some_customers_keep_for_less_time_is_asked_for_and_reported(name, kept, days):
    (gap,), pipeline = gaps(name, days)
    assert (gap.wanted, gap.possible, gap.kind) == (BEGIN, BEGIN + timedelta(days=days - kept), "retention")
    assert len(pipeline.spooled()) == days
    assert gaps(name, days, kept_shorter=())[0] == ()


def test_a_free_twilio_account_may_have_lost_what_is_older_than_30_days_and_one_with_editions_has_not():
    (gap,), pipeline = gaps("twilio", 60)
    assert (gap.wanted, gap.possible, gap.kind) == (BEGIN, BEGIN + timedelta(days=30), "retention")
    assert "free account" in gap.reason
    assert len(pipeline.spooled()) == 60, "an account with Editions has them, so they are asked for"
    assert gaps("twilio", 60, kept_shorter=())[0] == ()
    assert [each.kind for each in gaps("twilio", 500, kept_shorter=())[0]] == ["look_back"]
