"""What an answer says of a token's life."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from audit_provider.core.wire.tokens import life_of

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
UNSAID = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("value", "life"),
    [
        (3600, timedelta(hours=1)),
        (3599.9, timedelta(seconds=3599.9)),
        ("3600", timedelta(hours=1)),
        ("3599.9", timedelta(seconds=3599.9)),
        (" 3600 ", timedelta(hours=1)),
        ("3600s", timedelta(hours=1)),
        ("1h", timedelta(hours=1)),
        ("PT1H", timedelta(hours=1)),
        (int(NOW.timestamp()) + 3600, timedelta(hours=1)),
        (str(int(NOW.timestamp()) + 3600), timedelta(hours=1)),
        ((int(NOW.timestamp()) + 3600) * 1000, timedelta(hours=1)),
        ("2026-03-01T01:00:00Z", timedelta(hours=1)),
        ("2026-02-28T01:00:00Z", timedelta(0)),
        (0, UNSAID),
        (-1, UNSAID),
        ("0", UNSAID),
        ("-1", UNSAID),
        (None, UNSAID),
        (True, UNSAID),
        ("never", UNSAID),
        (float("nan"), UNSAID),
    ],
)
def test_a_life_is_read_in_every_form(value, life):
    assert abs(life_of(value, NOW) - life) < timedelta(milliseconds=1)
