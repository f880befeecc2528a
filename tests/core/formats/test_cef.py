"""CEF: escaping, keys, and a message that may be bounded."""

from __future__ import annotations

import json

import pytest

from audit_provider.core.formats import Cef
from audit_provider.core.model import Origin
from tests.core.formats.events import ALL_FIELDS, event_of, events_of, origin_of, written
from tests.core.formats.schemas import check_cef, parse_cef


def test_a_whole_line():
    line = Cef(origin_of("slack")).write(events_of("slack")[0]).decode()
    header, pairs = parse_cef(line)
    assert header == ["Slack", "Slack Audit Logs", "1", "user_login", "user_login", "Unknown"]
    raw = pairs.pop("msg")
    assert json.loads(raw)["id"] == "0123a45b-6c7d-8900-e12f-3456789gh0i1"
    assert pairs == {
        "rt": "1772359331000",
        "externalId": "0123a45b-6c7d-8900-e12f-3456789gh0i1",
        "act": "user_login",
        "outcome": "success",
        "cat": "authentication",
        "src": "203.0.113.7",
        "suid": "W123AB456",
        "suser": "sam@example.com",
        "requestClientApplication": "Mozilla/5.0",
        "deviceExternalId": "slack-pipe",
        "cs1": "slack",
        "cs1Label": "source",
        "cs2": "user",
        "cs2Label": "objectType",
        "cs3": "W123AB456",
        "cs3Label": "objectId",
        "cs4": "Sam Poe",
        "cs4Label": "actorName",
        "cs6": "E1701",
        "cs6Label": "organization",
    }


def test_escaping_is_not_the_same_in_header_and_extension():
    line = written("cef", {"action": "a|b=c\\d\ne"}).decode()
    assert "|a\\|b=c\\\\d e|a\\|b=c\\\\d e|Unknown|" in line
    assert " act=a|b\\=c\\\\d\\ne " in line


def test_names_of_the_header_are_escaped_and_cut():
    origin = Origin("p", "acme", ALL_FIELDS, title="A|cme\\ " + "x" * 100 + " audit log")
    header, _ = parse_cef(Cef(origin).write(event_of({})).decode())
    assert header[0].startswith("A|cme\\ xxx")
    assert (len(header[0]), len(header[1])) == (63, 63)
    assert header[3:5] == ["unknown", "unknown"]


def test_an_address_of_version_6_has_a_key_of_its_own():
    pairs = check_cef(written("cef", {"ip": "2001:db8::7"}).decode())
    assert "src" not in pairs
    assert (pairs["c6a2"], pairs["c6a2Label"]) == ("2001:db8::7", "Source IPv6 Address")


def test_what_is_no_address_has_a_string_of_its_own():
    pairs = check_cef(written("cef", {"ip": "Oslo = home"}).decode())
    assert "src" not in pairs
    assert (pairs["cs5"], pairs["cs5Label"]) == ("Oslo = home", "sourceAddress")


@pytest.mark.parametrize("text", ["\x00", " ", "\u2028", "\x85\x1c"])
def test_what_cannot_be_seen_is_no_value(text):
    pairs = check_cef(written("cef", {"actor": {"name": text}, "ua": text}).decode())
    assert not {"cs4", "cs4Label", "suser", "requestClientApplication"} & set(pairs)
