"""What a report leaves for the page."""

from __future__ import annotations

import pytest

from audit_provider.core.errors import StopError
from audit_provider.core.monitoring.summary import SUMMARIES


@pytest.mark.parametrize("text", ["{", "[]", '{"pipeline": "p\udcff"}'])
def test_a_summary_that_cannot_be_read_is_named(text):
    with pytest.raises(StopError, match="the Variable does not contain a summary .*delete it"):
        SUMMARIES.unpack(text, "the Variable")
