"""Events and origins for the tests of formats."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from audit_provider.core.formats import FORMATS
from audit_provider.core.model import Event, Fields, Origin
from audit_provider.core.records.events import RecordReader
from audit_provider.core.records.fields import value_at
from audit_provider.core.sources import REGISTRY

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOW = datetime(2026, 3, 1, 10, 2, 11, 155999, tzinfo=timezone.utc)
ALL_FIELDS = Fields(
    id="id",
    time="time",
    action="action",
    actor_id="actor.id | actor_id",
    actor_email="actor.email",
    actor_name="actor.name",
    ip="ip",
    user_agent="ua",
    outcome="outcome",
    object_type="object.type",
    object_id="object.id",
    target_user="target.id",
    target_email="target.email",
    target_group="group",
    role="role",
    organization="org",
)
ACTIONS = {
    f"{kind}.{verb}": f"{kind}.{verb}"
    for kind, verbs in {
        "authentication": "login logout challenge",
        "user": "create read update delete enable disable lock unlock password_change mfa_enable invite",
        "group": "create update delete disable add_member remove_member grant",
        "access": "create update delete grant revoke",
        "token": "create revoke",
        "settings": "read create update delete enable",
        "data": "read export",
        "content": "create update delete",
        "billing": "update",
    }.items()
    for verb in verbs.split()
} | {"failed": "authentication.login.failure"}
ORIGIN = Origin("acme-pipe", "acme", ALL_FIELDS, title="Acme audit log", actions=ACTIONS)


def event_of(record, name="e-1", time=NOW):
    """Return an event of a record, given as a value or as bytes."""
    raw = record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()
    return Event(name, time, msgspec.Raw(raw))


def written(name, record, origin=ORIGIN, version="1.1"):
    """Return what a format makes of a record."""
    return FORMATS[name](origin, version).write(event_of(record))


def origin_of(source):
    """Return the origin of a source's events."""
    spec = REGISTRY[source]
    return Origin(f"{source}-pipe", source, spec.fields, title=spec.title, actions=spec.actions)


def events_of(source):
    """Return the events of the source's fixture page."""
    spec = REGISTRY[source]
    page = json.loads((FIXTURES / source / "page.json").read_text())
    records = value_at(page, spec.records_at) if spec.records_at else page
    raws = [msgspec.Raw(msgspec.json.encode(record)) for record in records]
    return RecordReader(spec.fields).events(raws, NOW, source)[0]


SOURCES = sorted(name for name in REGISTRY if (FIXTURES / name / "page.json").exists())
