"""Open Cybersecurity Schema Framework, versions 1.1 to 1.3. https://schema.ocsf.io"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.formats.base import Format
from audit_provider.core.model import microseconds_of
from audit_provider.core.records.facts import FactReader, Facts, product_of, text_of_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_provider.core.model import Event, Origin

VERSIONS = {"1.1": "1.1.0", "1.2": "1.2.0", "1.3": "1.3.0"}
OTHER = 99

_CRUD = {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}


@dataclass(frozen=True, slots=True)
class EventClass:
    """A class of the schema.

    :ivar activities: values of ``activity_id`` besides 0 and 99, in every version of :data:`VERSIONS`.
    :ivar by_verb: the activity for each verb of :mod:`~audit_provider.core.records.facts`.
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
    """Return the class of an event: that of its meaning if the event has the required values, else a general one."""
    kind = facts.meaning.kind
    if kind == "authentication" and facts.has_actor:
        return Classes.AUTHENTICATION
    if kind == "user" and facts.has_target:
        return Classes.ACCOUNT_CHANGE
    if kind == "access" and facts.role and facts.has_target:
        return Classes.USER_ACCESS
    # Up to version 1.3, a group alone is not enough: a member or a privilege is required too.
    if kind in ("access", "group") and facts.target_group and (facts.role or (kind == "group" and facts.has_target)):
        return Classes.GROUP_MANAGEMENT
    if facts.action and facts.has_actor and (facts.ip or facts.address):
        return Classes.API_ACTIVITY
    return Classes.ENTITY_MANAGEMENT


def activity_of(event_class: EventClass, facts: Facts) -> tuple[int, str]:
    """Return ``activity_id`` and ``activity_name``: one of the class, or 99 with the vendor's name; never a guess."""
    activity = event_class.by_verb.get(facts.meaning.verb)
    if event_class is Classes.ENTITY_MANAGEMENT.value and not facts.object_id:
        activity = None
    if activity is not None:
        return activity, event_class.activities[activity]
    return (OTHER, facts.action) if facts.action else (0, "Unknown")


_STATUS = {"": (0, "Unknown"), "success": (1, "Success"), "failure": (2, "Failure")}
# The schema's own pattern of an e-mail address; an address that does not match is still in ``name``.
_EMAIL = re.compile(r"[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+")


class Ocsf:
    """One document per event, of the class that :func:`class_of` finds, with the vendor's record in ``raw_data``.

    No value is invented: values that the record lacks are left out or 0 (Unknown), including the severity. Values
    without a field in the class are in ``unmapped``.

    :param version: ``1.1``, ``1.2`` or ``1.3``.
    """

    is_json = True

    def __init__(self, origin: Origin, version: str = "1.1") -> None:
        self._facts = FactReader(origin)
        self._version = version
        self._product = product_of(origin)
        self._metadata = {
            "version": VERSIONS[version],
            "product": {"name": self._product, "vendor_name": self._product},
            "log_name": origin.title or origin.source,
        }
        self._encode = msgspec.json.Encoder().encode
        self._classification = lru_cache(maxsize=1024)(self._classify)

    def write(self, event: Event) -> bytes:
        """See :class:`~audit_provider.core.formats.base.Form`."""
        facts = self._facts.read(event)
        chosen = class_of(facts)
        event_class = chosen.value
        classification = self._classification(chosen, *activity_of(event_class, facts))
        status_id, status = _STATUS[facts.outcome]
        actor, endpoint = _person(facts), _endpoint(facts)
        left = {
            "role": facts.role,
            "target_user": facts.target_user,
            "target_email": facts.target_email,
            "target_group": facts.target_group,
        }
        document = {
            **classification,
            "time": microseconds_of(event.time) // 1000,
            "severity_id": 0,
            "severity": "Unknown",
            "status_id": status_id,
            "status": status,
            "metadata": {
                **self._metadata,
                "uid": event.id,
                **_told(
                    event_code=facts.action,
                    original_time=facts.time,
                    tenant_uid=facts.organization,
                    profiles=["host"] if actor and event_class.host_profile else None,
                ),
            },
            **self._required(chosen, facts, left),
        }
        if actor:
            document["actor"] = {"user": actor}
        if self._version >= event_class.endpoint_since:
            document.update(_told(src_endpoint=endpoint, http_request=_told(user_agent=facts.user_agent)))
        else:
            left |= {"src_endpoint": facts.ip or facts.address, "user_agent": facts.user_agent}
        if unmapped := _told(**left):
            document["unmapped"] = unmapped
        document["raw_data"] = text_of_record(event)[1]
        return self._encode(document)

    def _classify(self, chosen: Classes, activity_id: int, activity_name: str) -> dict[str, Any]:
        event_class = chosen.value
        return {
            "activity_id": activity_id,
            "activity_name": activity_name,
            "category_uid": event_class.category_uid,
            "category_name": event_class.category_name,
            "class_uid": event_class.uid,
            "class_name": event_class.name,
            "type_uid": event_class.uid * 100 + activity_id,
            "type_name": f"{event_class.name}: {'Other' if activity_id == OTHER else activity_name}",
        }

    def _required(self, chosen: Classes, facts: Facts, left: dict[str, str]) -> dict[str, Any]:
        """Return the objects that the class requires, and remove the values that they use from ``left``."""
        thing = _told(uid=facts.object_id, type=facts.object_type) if facts.object_id else {}
        if not thing:
            left["object_type"] = facts.object_type
        if chosen is Classes.AUTHENTICATION:
            left |= {"object_type": facts.object_type, "object_id": facts.object_id}
            return {"user": _person(facts), "service": {"name": self._product}}
        if chosen is Classes.ACCOUNT_CHANGE:
            if facts.object_id != facts.target_user:
                left["object_id"] = facts.object_id
            left["object_type"] = facts.object_type
            return {"user": _target(left)}
        if chosen in (Classes.USER_ACCESS, Classes.GROUP_MANAGEMENT):
            about: dict[str, Any] = {}
            if chosen is Classes.GROUP_MANAGEMENT:
                about["group"] = {"uid": left.pop("target_group")}
            if role := left.pop("role"):
                about["privileges"] = [role]
            return about | _told(user=_target(left), resource=thing)
        if chosen is Classes.API_ACTIVITY:
            return {"api": {"operation": facts.action}, **_told(resources=[thing] if thing else None)}
        return {"entity": thing or {"name": self._product}}


def _person(facts: Facts) -> dict[str, str]:
    """Return the actor: with at least one of ``name`` and ``uid``, or an empty object."""
    return _told(uid=facts.actor_id, name=facts.login, email_addr=_email(facts.actor_email), full_name=facts.actor_name)


def _target(left: dict[str, str]) -> dict[str, str]:
    """Return the user that was acted on; its values are removed from ``left``."""
    uid, email = left.pop("target_user"), left.pop("target_email")
    return _told(uid=uid, name=email, email_addr=_email(email))


def _email(text: str) -> str:
    return text if _EMAIL.fullmatch(text) else ""


def _endpoint(facts: Facts) -> dict[str, str]:
    return {"ip": facts.ip} if facts.ip else {"name": facts.address} if facts.address else {}


def _told(**values: Any) -> dict[str, Any]:
    """Return the values that are not empty."""
    return {name: value for name, value in values.items() if value}


OCSF = Format(
    name="ocsf",
    about="Open Cybersecurity Schema Framework; `ocsf_version` is `1.1` (default), `1.2` or `1.3`",
    make=Ocsf,
)
