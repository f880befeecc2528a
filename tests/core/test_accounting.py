"""The account as it is printed: whoever adds its columns up must find that they do."""

from __future__ import annotations

import pytest

from audit_provider.core.ledger.event_account import Account, table


def an_account(**changes):
    known = dict.fromkeys(("read", "spooled", "delivered"), 1200)
    rest = dict.fromkeys(("duplicates", "before", "already_there", "too_old", "dead_lettered", "pending"), 0)
    return Account("slack/live", **{"destination": "splunk", **known, **rest, **changes})


def rows(*accounts):
    head, _, *lines = table(accounts).splitlines()
    titles = (
        head.replace("dead letters open", "open").replace("already there", "already_there").replace("too old", "old")
    )
    return [dict(zip(titles.split(), line.replace(",", "").split(), strict=True)) for line in lines]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"before": 1000, "delivered": 150, "pending": 50},
        {"again": 300, "delivered": 1500},
        {"filtered": 1200, "delivered": 0},
    ],
)
def test_what_is_printed_adds_up(changes):
    whole = an_account(destination="s3")
    assert an_account(**changes).adds_up
    for row in rows(an_account(**changes), whole):
        number = {name: int(value) for name, value in row.items() if value.isdigit()}
        parts = ("before", "delivered", "already_there", "old", "dead-lettered", "filtered", "pending")
        assert number["spooled"] + number.get("again", 0) == sum(number.get(part, 0) for part in parts)
    assert {"before", "again"} & {*rows(an_account(**changes))[0]} == {"before", "again"} & {*changes}


def test_what_came_under_a_known_id_is_shown_where_there_is_any_and_is_part_of_the_spooled():
    plain, some = an_account(), an_account(same_id=7)
    assert some.adds_up
    assert "same id" not in table([plain])
    assert table([some]).splitlines()[0].split()[2:7] == ["read", "spooled", "duplicates", "same", "id"]
    assert " 7 " in table([some]).splitlines()[2]


def test_what_was_delivered_with_the_current_time_is_part_of_the_delivered():
    plain, some = an_account(), an_account(restamped=292)
    assert some.adds_up
    assert "with current time" not in table([plain])
    assert " 292 " in table([some]).splitlines()[2]


def test_what_arrived_in_all_is_one_figure_after_a_redrive():
    plain, some = an_account(), an_account(delivered=1100, already_there=50, too_old=50, redriven=40, dead_letters=10)
    assert some.adds_up
    assert "arrived in all" not in table([plain])
    assert some.arrived == 1190
    head, _, line = table([some]).splitlines()
    assert "arrived in all" in head
    assert "1,190" in line
