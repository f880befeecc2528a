"""The source of a pipeline is exchanged while events wait: they stay what they were read as."""

from __future__ import annotations

import json
from collections import Counter

from audit_provider.operators import AuditLogsToS3Operator, AuditLogsToSplunkHecOperator, PullAuditLogsOperator
from audit_provider.state import PositionVariable, StreamName
from tests.operators.conftest import context


def other(world):
    """Return a source of another name, whose records keep the action elsewhere."""
    return {
        "base_url": world.pylon.url,
        "request": {
            "method": "POST",
            "path": "/audit-logs/search",
            "body": {
                "filter": {"field": "action_happened_at", "operator": "time_range", "values": ["{start}", "{end}"]},
                "limit": 999,
            },
        },
        "name": "acme",
        "reading": {"type": "closed_windows"},
        "paging": {
            "type": "cursor",
            "param": "cursor",
            "sent_in": "body",
            "cursor_at": "pagination.cursor",
            "more_at": "pagination.has_next_page",
        },
        "records_at": "data",
        "records_may_be_absent": True,
        "fields": {"id": "id", "time": "action_happened_at", "action": "kind.of.another.product"},
        "rate_limit": {"requests": 1000, "per": 1},
    }


def pulled(world, source):
    operator = PullAuditLogsOperator(
        task_id="pull", pipeline="p", source=source, conn_id="pylon_default", spool=f"file://{world.spool}"
    )
    return operator.execute(context())


def test_what_waits_is_filtered_and_laid_down_as_the_source_that_it_was_read_from(world, moto):
    world.pull()
    source = other(world)
    pulled(world, source)
    position = PositionVariable(StreamName("p")).load()
    assert (position.source, [each.source for each in position.earlier_sources]) == ("acme", ["pylon"])
    arguments = {"task_id": "s", "pipeline": "p", "source": source, "spool": f"file://{world.spool}"}
    only = {"only": ["LoginFailed", "UserRoleChanged"]}
    AuditLogsToSplunkHecOperator(**arguments, index="audit", options=only).execute(context())
    counts = json.loads(world.variables.get("audit_logs.p.to.splunk_hec"))["counts"]
    assert 0 < counts["delivered"] == 700 - counts["filtered"]
    AuditLogsToS3Operator(**arguments, bucket=world.bucket).execute(context())
    keys = [each["Key"] for each in moto.client().list_objects_v2(Bucket=world.bucket)["Contents"]]
    assert set(Counter(key.split("/")[0] for key in keys)) == {"source=pylon"}


def test_a_source_that_comes_back_is_a_third_part(world):
    world.pull()
    pulled(world, other(world))
    world.pull()
    position = PositionVariable(StreamName("p")).load()
    assert next(each.source for each, _ in position.by_source(1)) == "pylon"
    assert next(position.by_source(position.head.number + 1))[0] == position
