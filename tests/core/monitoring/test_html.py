"""The report as a page: its figures are those of the account."""

from __future__ import annotations

import re
from datetime import datetime

from audit_provider.core.accounting import Account
from audit_provider.core.monitoring.html import page_of
from audit_provider.core.monitoring.summary import Summary

NOW = datetime.fromisoformat("2026-05-01T12:00:00+00:00")


def test_too_old_and_delivered_with_the_current_time_are_two_figures_that_add_up():
    account = Account(
        "p/live",
        "datadog",
        read=700,
        spooled=700,
        duplicates=0,
        before=0,
        delivered=612,
        already_there=3,
        too_old=45,
        dead_lettered=6,
        pending=34,
        restamped=292,
    )
    assert account.adds_up
    shown = page_of(Summary("p", "pylon", NOW), [account])
    table = shown[shown.index("<h2>Deliveries</h2>") :].partition("</table>")[0]
    heads = re.findall(r"<th[^>]*>(.*?)</th>", table)
    values = dict(zip(heads, re.findall(r"<td[^>]*>(.*?)</td>", table), strict=True))
    assert values["delivered"] == "615"
    assert values["of these with current time"] == "292"
    assert values["set aside: too old"] == "45"
    parts = ("delivered", "set aside: too old", "set aside: refused", "pending")
    assert sum(int(values[each]) for each in parts) == int(values["spooled"])
