"""Facts from a record, with the same names for every source, and the meaning of its action.

A source defines what its actions mean; this maps a vendor's verbs to every schema. A meaning is written ``kind.verb``
or ``kind.verb.outcome``, as in ``authentication.login.failure``. An action that is in no table has no meaning: each
schema's generic class is used, with the action's own name. Nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, get_args

import msgspec

from audit_provider.core.records.fields import FieldReader

if TYPE_CHECKING:
    from audit_provider.core.model import Event, Origin

_Value = TypeVar("_Value")

KINDS = frozenset(
    {
        "authentication",  # sign-in, sign-out and other proofs of identity
        "user",  # an account of a person or a service
        "group",  # a group, team or workspace, and who is in it
        "access",  # roles, permissions, sharing
        "token",  # API keys, secrets, OAuth grants
        "settings",  # of the organisation, its security, its integrations
        "data",  # viewing, exporting or downloading
        "content",  # creating and changing the product's own content
        "billing",
        "sla",  # an agreed service level
    }
)
VERBS = frozenset(
    {
        "login",
        "logout",
        "challenge",
        "create",
        "read",
        "update",
        "delete",
        "enable",
        "disable",
        "lock",
        "unlock",
        "password_change",
        "password_reset",
        "mfa_enable",
        "mfa_disable",
        "add_member",
        "remove_member",
        "grant",
        "revoke",
        "invite",
        "export",
        "breach",
    }
)
OUTCOMES = frozenset({"success", "failure"})

Category = Literal[
    "authentication",
    "user management",
    "access and roles",
    "API keys and tokens",
    "settings",
    "data access",
    "content change",
    "billing",
    "SLA",
    "other",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""All categories, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of an action.

    :ivar kind: "" if it is unknown.
    :ivar outcome: "" if the action does not determine it.
    """

    kind: str = ""
    verb: str = ""
    outcome: str = ""

    @classmethod
    def of(cls, text: str) -> Meaning:
        """Return the meaning that a table writes as ``kind.verb[.outcome]``.

        :raises ValueError: it is not valid.
        """
        kind, verb, outcome = [*text.split("."), "", ""][:3]
        if kind not in KINDS or verb not in VERBS or (outcome and outcome not in OUTCOMES) or text.count(".") > 2:
            raise ValueError(f"{text!r} is not a valid meaning of an action")
        return cls(kind, verb, outcome)


UNKNOWN = Meaning()


class ActionTable(Generic[_Value]):
    """A table that gives a value for each of a source's actions.

    :param actions: actions, or patterns with ``*``, and their values. An exact action is preferred to patterns, and an
        earlier pattern to a later one. Spaces and case are ignored, because vendors write an action in several ways.
    """

    def __init__(self, actions: Mapping[str, _Value]) -> None:
        values = {folded(action): value for action, value in actions.items()}
        self._exact = {action: value for action, value in values.items() if "*" not in action}
        self._patterns = [(re.compile(translate(a)), value) for a, value in values.items() if "*" in a]

    def of(self, action: str) -> _Value | None:
        """Return an action's value, None if the table has none."""
        action = folded(action)
        known = self._exact.get(action)
        if known is not None:
            return known
        return next((value for pattern, value in self._patterns if pattern.fullmatch(action)), None)


class Meanings:
    """A source's table of meanings. :param actions: as in :class:`ActionTable`, with their meanings."""

    def __init__(self, actions: Mapping[str, str]) -> None:
        self._table = ActionTable({action: Meaning.of(text) for action, text in actions.items()})
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, action: str) -> Meaning:
        return self._table.of(action) or UNKNOWN


def folded(action: str) -> str:
    """Return an action, or a pattern of actions, in lower case and without spaces."""
    return action.replace(" ", "").casefold()


_NAMES = (
    "time",
    "action",
    "actor_id",
    "actor_email",
    "actor_name",
    "ip",
    "user_agent",
    "outcome",
    "object_type",
    "object_id",
    "target_user",
    "target_email",
    "target_group",
    "role",
    "organization",
)
_SUCCESS = frozenset({"success", "successful", "succeeded", "true", "ok", "allow", "allowed", "1"})
_FAILURE = frozenset({"failure", "failed", "fail", "false", "error", "deny", "denied", "0"})
_GROUPS = frozenset({"group", "team", "channel", "workspace", "organization"})
# Matches the name of the log in a source's title, after the product's name.
_LOG = re.compile(
    r"\s+(?:audit|organi[sz]ation|group|tenant|enterprise|team|admin|configuration|operation|system|monitor|events?|logs?"
    r"|sign-ins?|sign-in attempts|logins?|item usages|security history|setup|directory|provisioning|compliance|activit"
    r"(?:y|ies)|user activity)\b.*",
    re.IGNORECASE,
)


class Facts(msgspec.Struct, frozen=True, gc=False):
    """One event's facts; "" if the record does not have them.

    :ivar time: When it happened, as the vendor writes it.
    :ivar ip: A valid IP address.
    :ivar address: The value in the address field if it is not an IP address.
    :ivar outcome: ``success``, ``failure`` or "". Absent does not mean success.
    :ivar target_user: User who was acted on, also if the user is the object.
    :ivar target_group: Group that was acted on, also if the group is the object.
    """

    time: str = ""
    action: str = ""
    actor_id: str = ""
    actor_email: str = ""
    actor_name: str = ""
    ip: str = ""
    address: str = ""
    user_agent: str = ""
    outcome: str = ""
    object_type: str = ""
    object_id: str = ""
    target_user: str = ""
    target_email: str = ""
    target_group: str = ""
    role: str = ""
    organization: str = ""
    meaning: Meaning = UNKNOWN

    @property
    def has_actor(self) -> bool:
        """Whether the record names the actor."""
        return bool(self.actor_id or self.actor_email or self.actor_name)

    @property
    def has_target(self) -> bool:
        """Whether the record names a user who was acted on."""
        return bool(self.target_user or self.target_email)

    @property
    def login(self) -> str:
        """The name of the actor: the e-mail address if there is one, else the person's name."""
        return self.actor_email or self.actor_name


class FactReader:
    """Finds the facts of one origin's events."""

    def __init__(self, origin: Origin) -> None:
        self._fields = FieldReader(origin.fields, _NAMES)
        self._meanings = Meanings(origin.actions)
        self._one_email = origin.fields.actor_email == origin.fields.target_email != ""

    def read(self, event: Event) -> Facts:
        """Return the facts of an event. The record is decoded once."""
        found = self._fields.read(event.raw)
        meaning = self._meanings.of(found.get("action", ""))
        outcome = outcome_of(found.pop("outcome", ""), meaning)
        written = found.pop("ip", "")
        ip = _valid_ip(written)
        if meaning.kind == "authentication":
            # In an authentication, the actor and the target are the same person, whichever field names them.
            found.setdefault("actor_id", found.pop("target_user", ""))
            found.setdefault("actor_email", found.pop("target_email", ""))
        else:
            target = _target(found.get("object_type", ""), meaning.kind)
            if target and target not in found:
                found[target] = found.get("object_id", "")
            if self._one_email:
                found.pop("actor_email", None)
        return Facts(**found, ip=ip, address="" if ip else written, outcome=outcome, meaning=meaning)


def outcome_of(written: str, meaning: Meaning) -> str:
    """Return ``success``, ``failure`` or "": from the record, or else from the meaning of its action."""
    written = written.lower()
    return "success" if written in _SUCCESS else "failure" if written in _FAILURE else meaning.outcome


def text_of_record(event: Event) -> tuple[bytes, str]:
    """Return the vendor's record on one line, as bytes and as text; bytes that are not UTF-8 become U+FFFD."""
    raw = bytes(event.raw)
    if b"\n" in raw or b"\r" in raw:
        raw = raw.replace(b"\r", b" ").replace(b"\n", b" ")
    try:
        return raw, raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        return text.encode(), text


def product_of(origin: Origin) -> str:
    """Return the name of the origin's product: ``Slack`` for a source titled "Slack Audit Logs"."""
    return _LOG.sub("", origin.title) or origin.title or origin.source


@lru_cache(maxsize=4096)
def _target(object_type: str, kind: str) -> str:
    """Return ``target_user`` or ``target_group`` if the object is the user or group that was acted on, else "".

    The type of the object decides, or the kind of the action if there is no type. An invitation or a membership is
    neither.
    """
    written = object_type.lower()
    if written in ("user", "group", "team"):
        return "target_user" if written == "user" else "target_group"
    if kind in ("user", "group") and (not written or written.endswith(kind)):
        return f"target_{kind}"
    return "target_group" if kind == "group" and written in _GROUPS else ""


@lru_cache(maxsize=4096)
def _valid_ip(text: str) -> str:
    try:
        # A zone names an interface of the sender. Address fields of stores refuse it.
        return str(ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return ""
