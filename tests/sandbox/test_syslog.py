"""The syslog stand-in takes what RFC 5424 and RFC 5425 allow, and nothing else."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from datetime import datetime, timezone

import pytest
import requests

from audit_provider.sandbox.syslog import SyslogService, message_from

GOOD = b'<110>1 2026-03-01T12:00:00.000001Z h app - ID [a@1 event_id="1"] text'


@pytest.fixture
def receiver():
    with SyslogService(tls=False) as service:
        yield service


def write(service, content):
    """Send octets, end, and wait until the receiver has ended too."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connected:
        connected.sendall(content)
        with suppress(OSError):  # it may have hung up already
            connected.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while connected.recv(4096):
                pass


def framed(message):
    return b"%d %b" % (len(message), message)


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        b"<0>1 - - - - - -",
        b"<191>1 2026-03-01T12:00:00+01:00 h a p m - text",
        b'<13>1 - h a p m [x b="\\"\\]\\\\"][y] \xef\xbb\xbftext',
        b'<13>1 - h a p m [x a="1" a="2"]',
    ],
)
def test_messages_that_are_allowed(receiver, message):
    write(receiver, framed(message) + framed(GOOD))
    assert len(receiver.messages) == 2
    assert receiver.refused == []


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"text",
        b"<192>1 - - - - - -",
        b"<01>1 - - - - - -",
        b"<1>2 - - - - - -",
        b"<1>1 2026-03-01 - - - - -",
        b"<1>1 2026-03-01T12:00:00.0000001Z - - - - -",
        b"<1>1 2026-03-01T12:00:00 - - - - -",
        b"<1>1 2026-13-01T12:00:00Z - - - - -",
        b"<1>1 - \xc3\xa9 - - - -",
        b"<1>1 - - %b - - -" % (b"a" * 49),
        b"<1>1 - - - - %b -" % (b"m" * 33),
        b"<1>1 - - - - -",
        b"<1>1 - - - - - [a",
        b'<1>1 - - - - - [a b="]"]',
        b'<1>1 - - - - - [a b="\\n"]',
        b'<1>1 - - - - - [a b=""][a]',
        b'<1>1 - - - - - [a  b=""]',
        b'<1>1 - - - - - [a b=""]text',
        b"<1>1 - - - - - -text",
        b'<1>1 - - - - - [a b="\xff"]',
    ],
)
def test_messages_that_are_not(message):
    with pytest.raises(ValueError):
        message_from(message)


@pytest.mark.parametrize(
    "octets",
    [
        b"0 ",
        b" x",
        b"01 x",
        GOOD + b"\n",
        b"8193 " + b"x" * 8193,
        b"99999999999 x",
        b"%d %b" % (len(GOOD) + 1, GOOD),
        framed(GOOD) + b"\n" + framed(GOOD),
        b"12",
    ],
)
def test_counts_that_are_none_end_the_connection(receiver, octets):
    write(receiver, octets + framed(GOOD) if octets.startswith(b"0") else octets)
    assert len(receiver.refused) == 1
    assert len(receiver.messages) <= 1


def test_the_fields_of_a_message():
    message = message_from(GOOD)
    assert (message.facility, message.severity) == (13, 6)
    assert message.time == datetime(2026, 3, 1, 12, 0, 0, 1, timezone.utc)
    assert (message.hostname, message.app_name, message.procid, message.msgid) == ("h", "app", "-", "ID")
    assert message.data == {"a@1": {"event_id": "1"}}
    assert message.text == b"text"


def test_what_is_held_can_be_asked_for(receiver):
    write(receiver, framed(GOOD) * 2)
    assert receiver.ids() == ["1", "1"]
    state = requests.get(f"{receiver.url}/_sandbox/state", timeout=10).json()
    assert state == {"events": 2, "duplicates": 1, "refused": [], "ids": ["1", "1"]}
    assert requests.post(receiver.url, timeout=10).status_code == 404


def test_a_cut_resets_the_connection_and_takes_nothing(receiver):
    receiver.faults.add("cut", after=1)
    write(receiver, framed(GOOD) * 3)
    assert len(receiver.messages) == 1
    assert receiver.wait_for(1)
    assert not receiver.wait_for(2, seconds=0)


def test_tls_is_asked_for_and_a_client_certificate_where_it_is_wanted():
    with SyslogService(client_certificate=True) as service:
        write(service, framed(GOOD))
        assert service.messages == []
        context = ssl.create_default_context(cafile=service.authority.ca)
        context.load_cert_chain(service.authority.issue("client"))
        with (
            socket.create_connection(("127.0.0.1", service.port), timeout=10) as connected,
            context.wrap_socket(connected, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(framed(GOOD))
            assert service.wait_for(1)
        assert len(service.refused) == 1
