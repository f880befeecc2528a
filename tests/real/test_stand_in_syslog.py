"""The syslog stand-in beside rsyslog and syslog-ng, over TLS: the same octets to all. Part of ``make real``.

Both take messages that RFC 5424 does not allow. The stand-in refuses them, so that no test passes with such a message.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress

import pytest

from audit_provider.sandbox.syslog import SyslogService
from tests.real.beside import obtained
from tests.real.servers import syslog_receivers
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

KINDS = {"rsyslog": syslog_receivers.RSYSLOG, "syslog-ng": syslog_receivers.SYSLOG_NG}
MESSAGE = b'<110>1 2026-03-01T12:00:00.000000Z - slack - login [audit@32473 event_id="a"] CEF:0|x'


@pytest.fixture(scope="module", params=KINDS)
def receivers(request, tmp_path_factory):
    """The name of a real receiver; it and the stand-in, each with a way to see how many messages it holds."""
    server = next(each for each in syslog_receivers.SERVERS if each.name == request.param)
    place = Place(obtained(server), tmp_path_factory.mktemp("receiver"))
    with KINDS[request.param].receiving(place) as real, SyslogService() as stand_in:
        yield (
            request.param,
            (real.port, real.ca, lambda: len(real.held(0))),
            (stand_in.port, stand_in.authority.ca, lambda: len(stand_in.messages)),
        )


def frames(*messages):
    return b"".join(b"%d %b" % (len(each), each) for each in messages)


def taken(receiver, octets, wanted):
    """Return how many messages a receiver holds of what is written, as soon as there are as many as wanted."""
    port, ca, held = receiver
    before = held()
    context = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        suppress(OSError),  # it may have closed the connection
    ):
        secure.sendall(octets)
        secure.unwrap()
    end = time.monotonic() + (5 if wanted else 0.5)
    while held() - before < wanted and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)
    return held() - before


RIGHT = {
    "a message": frames(MESSAGE),
    "three messages": frames(MESSAGE) * 3,
    "no time": frames(b"<110>1 - - slack - - - text"),
    "priority 0": frames(b"<0>1 2026-03-01T12:00:00Z - a - b - text"),
    "priority 191": frames(b"<191>1 2026-03-01T12:00:00Z - a - b - text"),
    "a byte order mark": frames(b"<14>1 2026-03-01T12:00:00Z - a - b - \xef\xbb\xbftext"),
    "no text": frames(b"<14>1 2026-03-01T12:00:00Z - a - b -"),
    "two elements": frames(b'<14>1 - - a - - [x y="1"][z y="2"] text'),
    "escapes": frames(rb'<14>1 - - a - - [x y="\]\"\\"] text'),
    "another zone": frames(MESSAGE.replace(b"Z", b"+05:30", 1)),
    "the year 1": frames(MESSAGE.replace(b"2026", b"0001")),
    "the year 9999": frames(MESSAGE.replace(b"2026", b"9999")),
    "NUL": frames(MESSAGE + b"\x00x"),
    "octets that are no UTF-8": frames(MESSAGE + b"\xff\xfe"),
    "7,000 bytes": frames(MESSAGE + b"x" * 7000),
    "8,096 bytes": frames(MESSAGE + b"x" * (8096 - len(MESSAGE))),
    "a message that is cut off": frames(MESSAGE)[:-5],
    "a message that is cut off behind another": frames(MESSAGE, MESSAGE)[:-5],
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_message_is_taken_alike(receivers, name):
    _, real, stand_in = receivers
    wanted = RIGHT[name].count(b">1 ") - name.startswith("a message that is cut off")
    assert (taken(real, RIGHT[name], wanted), taken(stand_in, RIGHT[name], wanted)) == (wanted, wanted)


NOT_OF_THE_STANDARD = {
    "priority 192": b"<192>1 2026-03-01T12:00:00Z - a - b - text",
    "no structured data": b"<14>1 2026-03-01T12:00:00Z - a - b text",
    "one element twice": b'<14>1 - - a - - [x y="1"][x y="2"] text',
    "a backslash that escapes nothing": rb'<14>1 - - a - - [x y="a\b"] text',
    "a leap second": MESSAGE.replace(b"12:00:00.", b"23:59:60."),
    "nine decimals of a second": MESSAGE.replace(b".000000", b".000000000"),
    "a message id of 33 characters": MESSAGE.replace(b"login", b"l" * 33),
    "an application of 49 characters": MESSAGE.replace(b"slack", b"l" * 49),
    "the older format": b"<14>Mar  1 12:00:00 host app: text",
    "no header": b"text",
}


@pytest.mark.parametrize("name", NOT_OF_THE_STANDARD)
def test_what_the_standard_does_not_allow_is_taken_by_receivers_and_not_by_the_stand_in(receivers, name):
    _, real, stand_in = receivers
    octets = frames(NOT_OF_THE_STANDARD[name])
    assert (taken(real, octets, 1), taken(stand_in, octets, 0)) == (1, 0)


NOT_COUNTED = {
    "a line": MESSAGE + b"\n",
    "a word for a count": b"abc " + MESSAGE,
    "a line end between messages": frames(MESSAGE) + b"\n" + frames(MESSAGE),
}


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_what_has_no_octet_count_is_taken_by_rsyslog_alone(receivers, name):
    kind, real, stand_in = receivers
    counted = name.startswith("a line end")
    lenient = counted + (kind == "rsyslog")
    octets = NOT_COUNTED[name]
    assert (taken(real, octets, lenient), taken(stand_in, octets, counted)) == (lenient, counted)
