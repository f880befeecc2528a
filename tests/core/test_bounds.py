"""Answers, files and records without measure: refused with one sentence, in memory that stays flat."""

from __future__ import annotations

import contextlib
import io
import itertools
import subprocess
import sys
import textwrap
import zlib
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest
import requests

from audit_provider.core.errors import AuditError, ProtocolError, UnavailableError
from audit_provider.core.model import Fields
from audit_provider.core.records.events import RecordReader
from audit_provider.core.sources import REGISTRY, PageReader
from audit_provider.core.sources.file_rows import MOST_ROW_LETTERS
from audit_provider.core.sources.files import File, FileReader
from audit_provider.core.wire.http import MAX_ANSWER_BYTES, MAX_ANSWER_SECONDS, HttpClient
from tests.hostile import Hostile

pytestmark = pytest.mark.usefixtures("no_collection")

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
MIB = 1024 * 1024


def client_of(far, **options):
    session = requests.Session()
    session.trust_env = False
    return HttpClient(session, far.url, service="Some API", tries=1, timeout=(5.0, 5.0), **options)


def answering(body, *headers):
    def act(connection, head, _):
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return act


def squeezed(size, wbits=31):
    """Return ``size`` zeros, compressed about a thousand times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])


def endless(connection, head, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(bytes(MIB))


def endless_chunks(connection, head, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall((b"c8\r\n" + bytes(200) + b"\r\n") * 1000)


def endless_headers(connection, head, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        connection.sendall(b"X-%d: %b\r\n" % (number, b"y" * 1000))


def endless_header(connection, head, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"y" * MIB)


@pytest.mark.parametrize("wbits", [31, 15, -15], ids=["gzip", "zlib", "deflate"])
def test_what_is_compressed_comes_out_as_it_went_in(wbits):
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    body = bytes(range(256)) * 20_000
    sent = packer.compress(body) + packer.flush()
    with Hostile(answering(sent, f"Content-Encoding: {'gzip' if wbits == 31 else 'deflate'}")) as far:
        assert client_of(far).send("GET", "/").body == body


def test_gzip_of_several_members_with_padding_is_read_whole():
    with Hostile(answering(squeezed(MIB) * 3 + bytes(50), "Content-Encoding: gzip")) as far:
        assert client_of(far).send("GET", "/").body == bytes(3 * MIB)


def test_a_compressed_body_that_ends_too_early_is_no_answer():
    with (
        Hostile(answering(squeezed(2 * MIB)[:-9], "Content-Encoding: gzip")) as far,
        pytest.raises(UnavailableError, match="ended its answer in the middle of a compressed body"),
    ):
        client_of(far).send("GET", "/")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "\xff"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding):
    with Hostile(answering(squeezed(MIB), f"Content-Encoding: {encoding}")) as far:
        with pytest.raises(ProtocolError, match="although only these were requested"):
            client_of(far).send("GET", "/")
        assert b"Accept-Encoding: gzip, deflate\r\n" in far.heads[0]


def test_a_body_called_gzip_that_is_none_is_refused():
    with (
        Hostile(answering(b"[]", "Content-Encoding: gzip")) as far,
        pytest.raises(ProtocolError, match="labelled gzip but is not"),
    ):
        client_of(far).send("GET", "/")


def test_the_bound_holds_to_the_byte():
    with Hostile(answering(bytes(1000))) as far:
        assert len(client_of(far, max_answer_bytes=1000).send("GET", "/").body) == 1000
        with pytest.raises(ProtocolError, match="more than 999 bytes: lower the page size"):
            client_of(far, max_answer_bytes=999).send("GET", "/")
        sink = io.BytesIO()
        assert client_of(far, max_answer_bytes=10, max_file_bytes=1000).download("/", sink).status == 200
        assert sink.getvalue() == bytes(1000)
        with pytest.raises(ProtocolError, match="more than 999 bytes: request files of shorter time ranges"):
            client_of(far, max_file_bytes=999).download("/", sink)


@pytest.mark.parametrize("act", [endless_headers, endless_header], ids=lambda act: act.__name__)
def test_headers_without_end_are_no_answer(act):
    with Hostile(act) as far, pytest.raises(UnavailableError, match="gave no complete answer"):
        client_of(far).send("GET", "/")


def test_a_body_that_comes_a_byte_at_a_time_ends_with_the_time_allowed():
    ticks = itertools.count(0, MAX_ANSWER_SECONDS / 10)

    def drip(connection, head, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(1_000_000):
            connection.sendall(b" ")

    with Hostile(drip) as far, pytest.raises(UnavailableError, match="was still sending its answer after 300 s"):
        client_of(far, clock=lambda: float(next(ticks))).send("GET", "/")


def test_a_client_can_allow_less_time_for_an_answer():
    ticks = itertools.count(0, 4)

    def drip(connection, head, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(1_000_000):
            connection.sendall(b" ")

    with Hostile(drip) as far, pytest.raises(UnavailableError, match="was still sending its answer after 15 s"):
        client_of(far, clock=lambda: float(next(ticks)), max_answer_seconds=15).send("GET", "/")


def test_a_compressed_body_that_never_yields_a_byte_ends_too():
    ticks = itertools.count(0, MAX_ANSWER_SECONDS / 10)

    def drip(connection, head, _):
        header = zlib.compressobj(9, zlib.DEFLATED, 31).compress(b"")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + header)
        while True:
            connection.sendall(b"\x00\x00\x00\xff\xff" * 1000)  # blocks that hold nothing

    with Hostile(drip) as far, pytest.raises(UnavailableError, match="was still sending"):
        client_of(far, clock=lambda: float(next(ticks))).send("GET", "/")


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["gzip", "deflate", "endless", "endless_chunks"])
def test_memory_stays_within_the_bound_whatever_is_sent(sent):
    size = 400 * MIB
    acts = {
        "gzip": lambda: answering(squeezed(size), "Content-Encoding: gzip"),
        "deflate": lambda: answering(squeezed(size, 15), "Content-Encoding: deflate"),
        "endless": lambda: endless,
        "endless_chunks": lambda: endless_chunks,
    }
    script = """
        import resource, sys
        from tests.core.test_bounds import AuditError, client_of
        class Far:
            url = sys.argv[1]
        client = client_of(Far, max_answer_bytes=32 * 1024 * 1024)
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        before = peak()
        try:
            client.send("GET", "/")
        except AuditError as error:
            print(type(error).__name__, peak() - before)
    """
    with Hostile(acts[sent]()) as far:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), far.url],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    name, grown = done.stdout.split()
    assert name == "ProtocolError"
    assert int(grown) < 100, "MiB: the bound, and what a growing buffer takes besides"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"data":' + b"[" * 200_000,
        b'{"data":' * 100_000,
        b'{"data":[' + b'{"a":' * 100_000,
        b'{"data":[{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
        b'{"data":[{"id":' + b"9" * 100_000 + b"}]}",
        b'{"data":[{"id":"1","action_happened_at":' + b"9" * 100_000 + b"}]}",
        b'{"data":[{"id":1e99999}]}',
        b'{"data":[],"pagination":{"cursor":' + b"1" * 100_000 + b"}}",
        b'{"data":[],"pagination":' + b'{"a":' * 100_000 + b"}" * 100_000 + b"}",
    ],
    ids=range(10),
)
def test_json_without_measure_is_refused_or_read(body):
    with Hostile(answering(body, "Content-Type: application/json")) as far:
        reader = PageReader(REGISTRY["pylon"], client_of(far))
        with contextlib.suppress(AuditError):
            page = reader.fetch(None, "")
            assert len(page.events) <= 1
        with contextlib.suppress(AuditError):
            reader.probe()


def test_a_nameless_record_that_cannot_be_read_whole_is_named_by_its_bytes():
    raws = [b'{"a":' + each * 5000 + b"}" for each in (b"9", b"8", b"9")]
    events, _ = RecordReader(Fields("id", "t")).events(map(msgspec.Raw, raws), NOW, "here")
    names = [event.id for event in events]
    assert len(set(names)) == 3
    assert names[2] == f"{names[0]}-2"
    assert [bytes(event.raw) for event in events] == raws


def rows_of(content, **options):
    with Hostile(answering(content)) as far:
        client = client_of(far, **options)
        reader = PageReader(REGISTRY["workos_export"], client)
        files = reader.files
        assert isinstance(files, FileReader)
        for events in files.rows(File("f", f"{far.url}/file.csv"), RecordReader(Fields("", "")), NOW):
            yield from events


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n" + b"x" * (MOST_ROW_LETTERS + 1) + b"\n",
        b'a,b\n"' + b"x\n" * (MOST_ROW_LETTERS // 2 + 1),
        b"a,b\n" + b'"x\n",' * (MOST_ROW_LETTERS // 5 + 1),
    ],
    ids=["one line", "a quote that is never closed", "many fields over many lines"],
)
def test_a_row_without_end_is_refused(content):
    with pytest.raises(ProtocolError, match=r"row has more than 16,777,216 letters|field larger than field limit"):
        list(rows_of(content))


def test_rows_of_any_length_below_that_are_all_read():
    content = b"a,b\n" + b"".join(b"%d,%b\n" % (n, b"y" * (n * 5000)) for n in range(100)) + b"\n\nlast,one\n"
    assert len(list(rows_of(content))) == 101


def test_an_empty_first_line_costs_no_row():
    assert len(list(rows_of(b"\nx,y\nz\n"))) == 2


def test_a_file_over_the_bound_is_refused():
    with pytest.raises(ProtocolError, match="more than 100,000 bytes"):
        list(rows_of(b"a,b\n" + b"1,2\n" * 100_000, max_file_bytes=100_000))


def test_the_bound_of_an_answer_is_one_that_a_worker_can_hold():
    assert MAX_ANSWER_BYTES <= 64 * MIB
