"""The published schemas' rules, written down by hand: what a document must and may hold. Anything else is refused."""

from __future__ import annotations

import json
import re
from datetime import datetime
from ipaddress import ip_address

# --- ECS: schemas/event.yml of elastic/ecs

EXPECTED_TYPES = {
    "authentication": {"start", "end", "info"},
    "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "session": {"start", "end", "info"},
    "file": {"access", "change", "creation", "deletion", "info"},
}
ECS_FIELDS = {
    "@timestamp": str,
    "ecs": {"version": str},
    "labels": {"pipeline": str},
    "event": {
        "id": str,
        "kind": str,
        "action": str,
        "category": [str],
        "type": [str],
        "outcome": str,
        "provider": str,
        "module": str,
        "dataset": str,
        "original": str,
    },
    "user": {
        "id": str,
        "name": str,
        "email": str,
        "full_name": str,
        "target": {"id": str, "name": str, "email": str, "roles": [str]},
    },
    "group": {"id": str},
    "source": {"ip": "ip", "address": str},
    "user_agent": {"original": str},
    "organization": {"id": str},
    "related": {"user": [str], "ip": ["ip"]},
    "saas": dict,
}


def check_ecs(document, source):
    """Refuse what Elastic's mapping or its list of categories refuses."""
    _fits(document, ECS_FIELDS, "")
    assert datetime.fromisoformat(document["@timestamp"].replace("Z", "+00:00")).utcoffset().total_seconds() == 0
    event = document["event"]
    assert event["id"]
    assert event["kind"] == "event"
    assert event["outcome"] in ("success", "failure", "unknown")
    assert (event["module"], event["dataset"]) == (source, f"saas_audit.{source}")
    categories, types = event.get("category", []), event.get("type", [])
    assert bool(categories) == bool(types)
    for category in categories:
        assert set(types) <= EXPECTED_TYPES[category], f"{category} expects no {types}"
    assert list(document["saas"]) == [source]
    assert isinstance(document["saas"][source], dict)


# --- OCSF: tags v1.1.0, v1.2.0 and 1.3.0 of ocsf/ocsf-schema

REQUIRED = {"activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata"}
_USER = {"uid": str, "name": str, "email_addr": "email", "full_name": str}
_RESOURCE = {"uid": str, "type": str}
EVERY_CLASS = {
    "activity_id": int,
    "activity_name": str,
    "category_uid": int,
    "category_name": str,
    "class_uid": int,
    "class_name": str,
    "type_uid": int,
    "type_name": str,
    "time": int,
    "severity_id": int,
    "severity": str,
    "status_id": int,
    "status": str,
    "metadata": {
        "version": str,
        "product": {"name": str, "vendor_name": str},
        "uid": str,
        "log_name": str,
        "event_code": str,
        "original_time": str,
        "tenant_uid": str,
        "profiles": [str],
    },
    "actor": {"user": _USER},
    "raw_data": str,
    "unmapped": dict,
}
ENDPOINT = {"src_endpoint": {"ip": "ip", "name": str}, "http_request": {"user_agent": str}}
OCSF_CLASSES = {
    3001: ("Account Change", {"user"}, {"user": _USER}, set(range(1, 12))),
    3002: ("Authentication", {"user", "service"}, {"user": _USER, "service": {"name": str}}, set(range(1, 6))),
    3004: ("Entity Management", {"entity"}, {"entity": {"name": str, "uid": str, "type": str}}, {1, 2, 3, 4}),
    3005: (
        "User Access Management",
        {"user", "privileges"},
        {"user": _USER, "privileges": [str], "resource": _RESOURCE},
        {1, 2},
    ),
    3006: (
        "Group Management",
        {"group"},
        {"group": {"uid": str}, "user": _USER, "privileges": [str], "resource": _RESOURCE},
        {1, 2, 3, 4, 5, 6},
    ),
    6003: (
        "API Activity",
        {"actor", "api", "src_endpoint"},
        {"api": {"operation": str}, "resources": [_RESOURCE]},
        {1, 2, 3, 4},
    ),
}
EMAIL = re.compile(r"[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+")


def check_ocsf(document, version):
    """Refuse what the schema of this version refuses: an attribute too many, one missing, an enum, the arithmetic."""
    name, required, own, activities = OCSF_CLASSES[document["class_uid"]]
    in_class = EVERY_CLASS | own
    if version != "1.1" or document["class_uid"] in (3001, 3002, 6003):
        in_class = in_class | ENDPOINT
    _fits(document, in_class, "")
    assert REQUIRED | required <= set(document)
    assert document["class_name"] == name
    assert document["category_uid"] == document["class_uid"] // 1000
    activity = document["activity_id"]
    assert activity in activities | {0, 99}
    assert document["type_uid"] == document["class_uid"] * 100 + activity
    assert document["activity_name"]
    assert document["severity_id"] in {0, 1, 2, 3, 4, 5, 6, 99}
    assert document["status_id"] in {0, 1, 2, 99}
    metadata = document["metadata"]
    assert metadata["version"] == f"{version}.0"
    assert metadata["uid"]
    assert metadata["product"]["name"]
    assert metadata["product"]["vendor_name"]
    for user in (document.get("user"), document.get("actor", {}).get("user")):
        assert user is None or user.get("uid") or user.get("name"), "a user needs one of account, name, uid"
    if document["class_uid"] == 3006:
        assert "user" in document or "privileges" in document
    if document["class_uid"] == 3004:
        assert {"name", "uid"} & set(document["entity"])
    if "src_endpoint" in document:
        assert {"ip", "name"} & set(document["src_endpoint"])
    with_profile = "actor" in document and document["class_uid"] in (3004, 3005, 3006)
    assert metadata.get("profiles") == (["host"] if with_profile else None), "there actor comes with the profile host"
    assert all(isinstance(value, str) for value in document.get("unmapped", {}).values())


def _fits(value, kind, path):
    if kind is dict:
        assert isinstance(value, dict), path
    elif isinstance(kind, dict):
        assert isinstance(value, dict), path
        for key, each in value.items():
            assert key in kind, f"{path}.{key} is no attribute there"
            _fits(each, kind[key], f"{path}.{key}")
    elif isinstance(kind, list):
        assert isinstance(value, list), path
        assert value or path in (".event.category", ".event.type"), path
        for each in value:
            _fits(each, kind[0], path)
    elif kind == "ip":
        ip_address(value)
        assert "%" not in value
    elif kind == "email":
        assert EMAIL.fullmatch(value), f"{path}: {value!r}"
    else:
        assert type(value) is kind, f"{path}: {value!r} is no {kind.__name__}"


# --- CEF

CEF_KEYS = {
    *("rt", "externalId", "act", "outcome", "cat", "src", "c6a2", "c6a2Label", "suid", "suser", "duid", "duser"),
    *("requestClientApplication", "deviceExternalId", "msg"),
    *(f"cs{number}{label}" for number in range(1, 7) for label in ("", "Label")),
}
_HEADER = re.compile(r"CEF:0" + r"\|((?:[^|\\]|\\[\\|])*)" * 6 + r"\|(.*)", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z0-9]+)=((?:[^=\\]|\\[\\=nr])*?)(?= [A-Za-z0-9]+=|$)", re.DOTALL)
_MEANT = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r", "\\|": "|"}


def parse_cef(line):
    """Return the six fields of the header after the version, and the extension; refuse what is not escaped."""
    assert len(line.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line)
    match = _HEADER.fullmatch(line)
    assert match, line
    *header, rest = match.groups()
    pairs, at = {}, 0
    while at < len(rest):
        pair = _PAIR.match(rest, at)
        assert pair, f"cannot be read from {rest[at : at + 40]!r}"
        key, value = pair.groups()
        assert key in CEF_KEYS
        assert key not in pairs
        assert value == value.rstrip() != ""
        pairs[key] = _meant(value)
        at = pair.end() + 1
    return [_meant(each) for each in header], pairs


def check_cef(line):
    """Return the extension of a line that keeps to the standard."""
    header, pairs = parse_cef(line)
    vendor, product, version, class_id, name, severity = header
    assert all(header)
    assert (len(vendor) <= 63, len(product) <= 63, len(version) <= 31) == (True, True, True)
    assert (len(class_id) <= 1023, len(name) <= 512) == (True, True)
    assert severity in {*map(str, range(11)), "Unknown", "Low", "Medium", "High", "Very-High"}
    assert pairs["rt"].lstrip("-").isdigit()
    assert ip_address(pairs.get("src", "0.0.0.0")).version == 4
    assert ip_address(pairs.get("c6a2", "::")).version == 6
    for key in pairs:
        assert (f"{key}Label" in pairs) == key.startswith(("cs", "c6a")) or key.endswith("Label")
        assert not key.endswith("Label") or key[: -len("Label")] in pairs
    return pairs


def _meant(text):
    return re.sub(r"\\.", lambda found: _MEANT[found[0]], text)


def parse_json(line):
    """Return the object on a line of strict JSON; numbers too long for Python stay texts."""

    def refuse(name):
        raise ValueError(name)

    document = json.loads(line, parse_constant=refuse, parse_int=lambda text: text if len(text) > 4000 else int(text))
    assert isinstance(document, dict)
    return document
