"""Selects the OCSF class of an event, depending on whether the record has what the class requires.

An event goes into the class of its meaning only if the record has every attribute that the class requires. All others,
and every action that is in no table, go into a class that can be filled truthfully:

* API Activity, if an actor did it from a known place: it requires ``actor``, ``api.operation`` and ``src_endpoint``;
* otherwise Entity Management, which requires an entity: the object of the action, or as a last resort the product
  itself, which is the subject of its own log. Then the activity is always "Other", since the product was not created or
  deleted.

The Base Event would require less, but tools that read OCSF support these classes and rarely that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.formats.facts import Facts

VERSIONS = {"1.1": "1.1.0", "1.2": "1.2.0", "1.3": "1.3.0"}
OTHER = 99

_CRUD = {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}


@dataclass(frozen=True, slots=True)
class EventClass:
    """A class of the schema.

    :ivar activities: what ``activity_id`` may be besides 0 and 99, in every version of :data:`VERSIONS`.
    :ivar by_verb: which of them a verb of :mod:`~audit_provider.core.formats.meaning` is.
    :ivar host_profile: whether ``actor`` belongs to the class only with the profile ``host``.
    :ivar endpoint_since: the first version in which the class has ``src_endpoint`` and ``http_request``.
    """

    uid: int
    name: str
    activities: Mapping[int, str]
    by_verb: Mapping[str, int]
    host_profile: bool = False
    endpoint_since: str = "1.1"

    @property
    def category_uid(self) -> int:
        """The first digits of the class's number."""
        return self.uid // 1000

    @property
    def category_name(self) -> str:
        """The category's caption."""
        return {3: "Identity & Access Management", 6: "Application Activity"}[self.category_uid]


class Classes(Enum):
    """The classes in use. https://schema.ocsf.io/1.1.0/categories/iam"""

    ACCOUNT_CHANGE = EventClass(
        3001,
        "Account Change",
        {
            1: "Create",
            2: "Enable",
            3: "Password Change",
            4: "Password Reset",
            5: "Disable",
            6: "Delete",
            7: "Attach Policy",
            8: "Detach Policy",
            9: "Lock",
            10: "MFA Factor Enable",
            11: "MFA Factor Disable",
        },
        {
            "create": 1,
            "enable": 2,
            "password_change": 3,
            "password_reset": 4,
            "disable": 5,
            "delete": 6,
            "lock": 9,
            "mfa_enable": 10,
            "mfa_disable": 11,
        },
    )
    AUTHENTICATION = EventClass(3002, "Authentication", {1: "Logon", 2: "Logoff"}, {"login": 1, "logout": 2})
    ENTITY_MANAGEMENT = EventClass(
        3004,
        "Entity Management",
        _CRUD,
        {"create": 1, "read": 2, "update": 3, "delete": 4},
        host_profile=True,
        endpoint_since="1.2",
    )
    USER_ACCESS = EventClass(
        3005,
        "User Access Management",
        {1: "Assign Privileges", 2: "Revoke Privileges"},
        {"grant": 1, "revoke": 2},
        host_profile=True,
        endpoint_since="1.2",
    )
    GROUP_MANAGEMENT = EventClass(
        3006,
        "Group Management",
        {
            1: "Assign Privileges",
            2: "Revoke Privileges",
            3: "Add User",
            4: "Remove User",
            5: "Delete",
            6: "Create",
        },
        {"grant": 1, "revoke": 2, "add_member": 3, "remove_member": 4, "delete": 5, "create": 6},
        host_profile=True,
        endpoint_since="1.2",
    )
    API_ACTIVITY = EventClass(
        6003, "API Activity", _CRUD, {"create": 1, "read": 2, "export": 2, "update": 3, "delete": 4}
    )


def class_of(facts: Facts) -> Classes:
    """Return the class of an event: of what it means where that can be filled, or else one that can."""
    kind = facts.meaning.kind
    if kind == "authentication" and facts.has_actor:
        return Classes.AUTHENTICATION
    if kind == "user" and facts.has_target:
        return Classes.ACCOUNT_CHANGE
    if kind == "access" and facts.role and facts.has_target:
        return Classes.USER_ACCESS
    # Up to 1.3 a group is not enough: a member or a privilege is required beside it.
    if kind in ("access", "group") and facts.target_group and (facts.role or (kind == "group" and facts.has_target)):
        return Classes.GROUP_MANAGEMENT
    if facts.action and facts.has_actor and (facts.ip or facts.address):
        return Classes.API_ACTIVITY
    return Classes.ENTITY_MANAGEMENT


def activity_of(event_class: EventClass, facts: Facts) -> tuple[int, str]:
    """Return ``activity_id`` and ``activity_name``: the class's own, or 99 under the vendor's name; never a guess."""
    activity = event_class.by_verb.get(facts.meaning.verb)
    if event_class is Classes.ENTITY_MANAGEMENT.value and not facts.object_id:
        activity = None
    if activity is not None:
        return activity, event_class.activities[activity]
    return (OTHER, facts.action) if facts.action else (0, "Unknown")
