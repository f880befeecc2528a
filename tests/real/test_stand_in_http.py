"""The web server of the stand-ins beside nginx: the same requests, octet by octet. Part of ``make real``."""

from __future__ import annotations

import re
import socket
from contextlib import suppress

import pytest

from audit_provider.sandbox.http_receiver import HttpReceiverService
from tests.core.destinations.stand_ins import serving
from tests.real.beside import obtained
from tests.real.servers import web_proxies
from tests.real.servers.base import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MOST = 1_000_000
LOCATION = """return 404; }} location = /events {{
  if ($request_method != POST) {{ return 405; }} if ($http_x_key = '') {{ return 401; }}
  if ($http_x_key != 'k3y') {{ return 403; }} proxy_pass http://127.0.0.1:{port};"""
EVENTS = b'[{"id":"a"}]'


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The ports of nginx and of the stand-in, which both want a key; each with a count of what was taken."""
    server = next(each for each in web_proxies.SERVERS if each.name == "nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with serving(lambda request: (200, {}, {})) as behind:
        port = int(behind.url.rpartition(":")[2])
        inside, location = f"client_max_body_size {MOST};", LOCATION.format(port=port)
        with (
            web_proxies.nginx(Place(obtained(server), folder), port, inside=inside, location=location) as url,
            HttpReceiverService(headers={"X-Key": "k3y"}, most_bytes=MOST) as stand_in,
        ):
            yield (
                (int(url.rpartition(":")[2]), lambda: len(behind.requests)),
                (int(stand_in.url.rpartition(":")[2]), lambda: len(stand_in.stored)),
            )


def request(method="POST", path="/events", *, version="1.1", body=EVENTS, **headers):
    """Return a request. :param headers: instead of the usual ones; None leaves one out."""
    known = {"Host": "x", "Content-Type": "application/json", "X-Key": "k3y", "Content-Length": str(len(body))}
    named = {**known, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{name}: {value}\r\n" for name, value in named.items() if value is not None]
    return f"{method} {path} HTTP/{version}\r\n{''.join(lines)}\r\n".encode() + body


def chunks(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (*pieces, b""))


IN_CHUNKS = {"Content_Length": None, "Transfer_Encoding": "chunked"}
LARGE = b"[%b]" % (b" " * MOST)
REQUESTS = {
    "a request": request(),
    "two at once": request() * 2,
    "HTTP/1.0": request(version="1.0"),
    "HTTP/1.0, kept open": request(version="1.0", Connection="keep-alive") * 2,
    "the last one of its connection": request(Connection="close") * 2,
    "a body in one chunk, and another request": request(body=chunks(EVENTS), **IN_CHUNKS) + request(),
    "a body in three chunks": request(body=chunks(EVENTS[:3], EVENTS[3:7], EVENTS[7:]), **IN_CHUNKS),
    "a chunk whose size is none": request(body=b"zz\r\n" + EVENTS, **IN_CHUNKS),
    "a chunk that is longer than its size": request(body=b"3\r\n" + EVENTS + b"\r\n0\r\n\r\n", **IN_CHUNKS),
    "chunks and a length": request(body=chunks(EVENTS), Transfer_Encoding="chunked"),
    "another transfer coding": request(Content_Length=None, Transfer_Encoding="colour"),
    "a length that is a word": request(Content_Length="abc"),
    "a length below 0": request(Content_Length="-1"),
    "two lengths": request().replace(b"Content-Length: 12", b"Content-Length: 12\r\nContent-Length: 13"),
    "no host": request(Host=None),
    "another path": request(path="/other") + request(),
    "a path with a host": request(path="http://x/events"),
    "a query": request(path="/events?a=b"),
    "another method": request("PUT") + request(),
    "HEAD": request("HEAD", body=b""),
    "asking before the body": request(Expect="100-continue"),
    "no key": request(X_Key=None),
    "another key": request(X_Key="other"),
    "a header of 7,000 bytes": request(X_Long="x" * 7000),
    "a body over the limit, and another request": request(body=LARGE) + request(),
    "a body that is cut off": request()[:-4],
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_alike(servers, name):
    answers = []
    for port, taken in servers:
        before = taken()
        answers.append((*_said(port, REQUESTS[name]), taken() - before))
    assert answers[1] == answers[0]


def _said(port, raw):
    """Return the statuses that are answered, and whether the connection is closed then."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(1.0)
        got = bytearray()
        with suppress(OSError):  # it may be closed before all is sent
            connection.sendall(raw)
            if raw == REQUESTS["a body that is cut off"]:
                connection.shutdown(socket.SHUT_WR)
        closed = True
        try:
            while piece := connection.recv(65536):
                got += piece
        except TimeoutError:
            closed = False
        except OSError:
            closed = True
        return re.findall(rb"HTTP/1\.[01] (\d+)", bytes(got)), closed
