"""How long a try lasts: a wait that ends after it is the next run's, unless no next run would ship the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_provider.core.errors import RefusedError, UnavailableError, WaitError
from audit_provider.core.runs.attempt import Patience
from tests.core.runs.conftest import NOW

MINUTE = timedelta(minutes=1)


def wait(minutes):
    return WaitError("later", until=NOW + minutes * MINUTE)


def test_a_wait_within_the_try_is_waited_for_and_a_longer_one_is_the_next_runs():
    patience = Patience("far", NOW, 30, goes_on=False)
    assert patience.deadline == NOW + 30 * MINUTE
    within, beyond = wait(30), wait(31)
    assert patience.outlasting(within) is within
    error = patience.outlasting(beyond)
    assert isinstance(error, UnavailableError)
    assert "far asks for a pause until 2026-05-01T12:31:00Z, which is beyond the 30 minutes" in str(error)
    assert patience.begun == NOW


@pytest.mark.parametrize("error", [UnavailableError("down"), RefusedError("no", status=400)])
def test_what_is_no_wait_stays_what_it_is(error):
    assert Patience("far", NOW, 30, goes_on=True).outlasting(error) is error


def test_a_backfills_time_begins_anew_with_each_wait_before_which_something_was_taken():
    patience = Patience("far", NOW, 30, goes_on=True)
    assert patience.deadline is None
    assert isinstance(patience.outlasting(wait(40)), UnavailableError), "nothing was taken"
    patience.taken(NOW + MINUTE)
    patience.taken(None)
    assert patience.has_taken
    beyond = wait(40)
    assert patience.outlasting(beyond) is beyond
    assert patience.begun == NOW + 40 * MINUTE
    assert patience.outlasting(beyond) is beyond, "said of the same wait once more, it changes nothing"
    assert patience.begun == NOW + 40 * MINUTE
    assert not patience.has_taken
    assert isinstance(patience.outlasting(wait(71)), UnavailableError), "nothing was taken since"


def test_what_was_taken_before_the_try_is_not_of_it():
    patience = Patience("far", NOW, 30, goes_on=False)
    patience.taken(NOW - MINUTE)
    assert not patience.has_taken
    patience.taken(NOW)
    patience.taken(NOW - MINUTE)
    assert patience.has_taken
