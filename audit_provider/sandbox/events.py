"""Generated audit events in the form in which Pylon writes them; the same seed gives the same events."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_ACTIONS = {
    "LoginSucceeded": 40,
    "LoginFailed": 4,
    "IssueOpened": 14,
    "IssueClosed": 12,
    "IssueAssigned": 9,
    "IssuePriorityChanged": 5,
    "UserRoleChanged": 2,
    "UserInvited": 2,
    "UserCreated": 1,
    "UserDeleted": 1,
    "TeamMemberAdded": 2,
    "TeamMemberRemoved": 1,
    "APITokenCreated": 1,
    "APITokenRevoked": 1,
    "AccountCreated": 2,
    "OrganizationAccessSettingsUpdated": 1,
    "IssueFirstResponseSLABreached": 2,
}
_SOURCES = ("web", "api", "slack", "email", "mobile")
_NOTES = (
    'asked to "escalate"; see thread',
    "Zugriff für Zoë geändert – bitte prüfen",
    "権限が変更されました",
    "back\\slash, tab\tand a line\nbreak",
    "plain text of some length, as people write it when they are in a hurry and mean well",
)


def generate(count: int, start: datetime, end: datetime, *, seed: int = 7) -> list[dict[str, Any]]:
    """Return ``count`` records that happened from ``start`` up to ``end``, in no particular order.

    About one in a hundred shares its second with another, and one in fifty is recorded minutes or hours late.
    """
    dice = random.Random(seed)  # noqa: S311  # nosec B311
    people = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(40)]
    actions, weights = list(_ACTIONS), list(_ACTIONS.values())
    span = (end - start).total_seconds()
    records: list[dict[str, Any]] = []
    happened = start
    for _ in range(count):
        if dice.random() > 0.01 or not records:
            happened = start + timedelta(seconds=dice.random() * span)
        action = dice.choices(actions, weights)[0]
        records.append(_record(dice, action, happened, people, latest=end))
    return records


def _record(
    dice: random.Random, action: str, happened: datetime, people: list[str], latest: datetime
) -> dict[str, Any]:
    late = dice.random() < 0.02
    lag = timedelta(seconds=dice.uniform(60, 6 * 3600) if late else dice.uniform(0.05, 3))
    whole = dice.random() < 0.5
    noun = action.removesuffix("Created").lower()
    return {
        "id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "action": action,
        "action_happened_at": _text(happened, whole=whole),
        "created_at": _text(min(happened + lag, latest), whole=False),
        "actor_user_id": dice.choice(people),
        "actor_contact_id": "",
        "object_type": "user" if "User" in action or "Login" in action else "issue",
        "object_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "source": dice.choice(_SOURCES),
        "link": f"https://app.usepylon.com/{noun}/{dice.getrandbits(40):x}",
        "attributes": {
            "old_value": dice.choice(_NOTES),
            "new_value": dice.choice(_NOTES),
            "ip": f"203.0.113.{dice.randrange(256)}",
        },
        "metadata": {
            "sequence": dice.choice([dice.randrange(10**6), 2**63 + dice.randrange(10**6), 0.1 + dice.random()]),
            "tags": dice.sample(["vip", "trial", "emea", "apac", "urgent"], k=dice.randrange(4)),
            "nested": {"session": f"{dice.getrandbits(64):016x}", "mfa": dice.random() < 0.5, "reason": None},
        },
    }


def _text(moment: datetime, *, whole: bool) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ" if whole else "%Y-%m-%dT%H:%M:%S.%fZ")
