"""Files as they lie in buckets: what they hold is told by their first bytes, and what is another file is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from datetime import timedelta

import pytest
import requests

from audit_provider.core.errors import ConfigurationError, ProtocolError
from audit_provider.core.model import Fields
from audit_provider.core.records.events import RecordReader
from audit_provider.core.sources import PageReader
from audit_provider.core.sources.export import FileList
from audit_provider.core.sources.files import File
from audit_provider.core.sources.reading.file_export import FileExport
from audit_provider.core.wire.http import HttpClient
from audit_provider.sandbox.server import Reply
from tests.core.sources.pulled import Pulled
from tests.core.sources.scripted import NOW, Scripted, reader

ROWS = [(f"e{n}", f"2026-02-28T10:00:{n:02}Z", f"Jürg, {n}") for n in range(5)]
CSV = "ID,AT,WHO\r\n" + "".join(f'{name},{at},"{who}"\r\n' for name, at, who in ROWS)
LINES = "".join(json.dumps({"ID": name, "AT": at, "WHO": who}, ensure_ascii=False) + "\n" for name, at, who in ROWS)
LIST = json.dumps([{"ID": name, "AT": at, "WHO": who} for name, at, who in ROWS], indent=1)
FIELDS = Fields("ID", "AT")


def zipped(content, *names, password=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    packed = bytearray(file.getvalue())
    if password:
        packed[packed.index(b"PK\x01\x02") + 8] |= 1
        packed[6] |= 1
    return bytes(packed)


def rows(content, fields=FIELDS, most=10**7, **headers):
    reply = Reply(200, content, {key.replace("_", "-"): value for key, value in headers.items()})
    with Scripted(reply) as service:
        pages = reader(service, fields=fields, export=FileList("id", "created", "url"))
        pages.files._client.max_file_bytes = most
        records = RecordReader(fields)
        found = [event for events in pages.files.rows(File("f", "/file.csv"), records, NOW) for event in events]
    return found, records


def values(events):
    return [tuple(json.loads(bytes(event.raw)).values()) for event in events]


PLAIN = CSV.encode()
SAME = {
    "gzip": gzip.compress(PLAIN),
    "gzip in members": gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:]) + b"\0" * 100,
    "zip": zipped(PLAIN, "a.csv"),
    "zip with a folder": zipped(PLAIN, "d/a.csv"),
    "gzip in zip": zipped(gzip.compress(PLAIN), "a.csv.gz"),
    "gzip in gzip": gzip.compress(gzip.compress(PLAIN)),
    "utf-8 with a mark": CSV.encode("utf-8-sig"),
    "utf-16": CSV.encode("utf-16"),
    "utf-16 without a mark": CSV.encode("utf-16-le"),
    "utf-16 the other way": CSV.encode("utf-16-be"),
    "utf-32": CSV.encode("utf-32"),
    "utf-16 in gzip": gzip.compress(CSV.encode("utf-16")),
    "sep": b"sep=,\r\n" + PLAIN,
    "sep;": b"sep=;\r\n" + PLAIN.replace(b",", b";").replace(b"g; ", b"g, "),
    "semicolons": PLAIN.replace(b",", b";").replace(b"g; ", b"g, "),
    "tabs": PLAIN.replace(b",", b"\t").replace(b"g\t ", b"g, "),
    "bars": PLAIN.replace(b",", b"|").replace(b"g| ", b"g, "),
    "lines of \\r": PLAIN.replace(b"\r\n", b"\r"),
    "an empty line first": b"\r\n" + PLAIN,
    "no line end": PLAIN.rstrip(),
    "json lines": LINES.encode(),
    "json lines in gzip": gzip.compress(LINES.encode()),
    "json lines with a mark": LINES.encode("utf-8-sig"),
    "json lines without the last end": LINES.rstrip().encode(),
    "json lines with empty ones": LINES.replace("\n", "\r\n\r\n").encode(),
    "a json list": LIST.encode(),
    "a json list in zip": zipped(LIST.encode(), "a.json"),
}


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("said", ["text/csv", "binary/octet-stream", "text/html", "application/gzip"])
def test_a_file_is_read_by_what_it_holds(kind, said):
    found, records = rows(SAME[kind], Content_Type=said)
    assert values(found) == ROWS
    assert [event.id for event in found] == [row[0] for row in ROWS]
    assert records.undated == 0


def test_a_compressed_file_may_be_compressed_once_more_on_its_way():
    found, _ = rows(gzip.compress(SAME["gzip"]), Content_Encoding="gzip")
    assert values(found) == ROWS


REFUSED = {
    "zip of 2 files": zipped(PLAIN, "a.csv", "b.csv"),
    "zip of 0 files": zipped(PLAIN),
    "encrypted zip": zipped(PLAIN, "a.csv", password=True),
    "gzip file that is damaged": gzip.compress(PLAIN)[:-9],
    "zip file that is damaged": zipped(PLAIN, "a.csv")[:-30],
    "compressed more than 3 times": gzip.compress(gzip.compress(gzip.compress(gzip.compress(PLAIN)))),
    "is bzip2": bz2.compress(PLAIN),
    "is not text": bytes(range(256)) * 4,
    "web page": b"\xef\xbb\xbf\n<!DOCTYPE html><html>ID,AT</html>",
    r"no AT or ID \(XX, YY\)": b"XX,YY\r\n1,2\r\n",
    r"no AT or ID \(error\)": b'{"error":"the link has expired"}',
    "first record has no AT or ID": b'[{"error":1}]',
    "unexpected end of data": PLAIN + b'"e9,2026-02-28T10:00:00Z\r\ne10,2026-02-28T10:00:00Z\r\n',
    "',' expected after": b'ID,AT\r\n"e1,2026-02-28T10:00:00Z\r\ne2,"2026-02-28T10:00:00Z"\r\n',
    "not JSON lines": b'{\n "ID": "a"\n}\n',
    "ends in the middle of its last line": LINES.encode()[:-9],
    "begins like a JSON list": LIST.encode()[:-9],
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_another_file_or_not_whole_is_refused(why):
    with pytest.raises(ProtocolError, match=why):
        rows(REFUSED[why])


@pytest.mark.parametrize(
    "packed", [gzip.compress(b"ID,AT\r\n" + b"x,1\r\n" * 10**6), zipped(b"x" * 10**7, "a.csv")], ids=["gzip", "zip"]
)
def test_what_comes_out_of_a_packed_file_is_bounded(packed):
    with pytest.raises(ProtocolError, match="more than 1,000,000 bytes after decompression"):
        rows(packed, most=10**6)


def test_a_line_that_is_no_json_is_written_anew_or_set_aside():
    odd = '{"ID":"n","AT":"2026-02-28T10:00:00Z","x":NaN}\n{broken}\n'
    found, records = rows((LINES + odd + LINES[: LINES.index("\n")]).encode())
    assert [event.id for event in found] == ["e0", "e1", "e2", "e3", "e4", "n", "e0"]
    assert records.repaired == 1
    assert [each.content for each in records.take_unreadable()] == [b"{broken}"]


def test_a_list_with_one_broken_element_is_read_less_that():
    found, records = rows(LIST.replace('"e2"', '"e2').encode())
    assert [event.id for event in found] == ["e0", "e1", "e3", "e4"]
    assert len(records.take_unreadable()) == 1


def test_a_file_without_named_columns_is_read_as_it_is():
    found, _ = rows(b"A;B\r\n1;2\r\n", fields=Fields("", ""))
    assert values(found) == [("1;2",)]


def test_an_empty_file_holds_no_event():
    assert rows(b"")[0] == []
    assert rows(b"[]")[0] == []


LISTED = {"items": [{"id": "f1", "created": "2026-02-28T23:00:00Z", "url": "/file/1"}]}
EXPORT = {
    "export": FileList("id", "created", "url"),
    "reading": FileExport(settle=timedelta(0), max_width=timedelta(days=1)),
    "fields": FIELDS,
}


class Storage(Scripted):
    """A list of one file, whose address leads on, and the file."""

    def __init__(self, status, location):
        super().__init__()
        self.status, self.location = status, location

    def answer(self, request):
        self.requests.append(request)
        if request.path == "/log":
            return Reply.json(200, LISTED)
        if request.path == "/stored":
            return Reply(200, PLAIN)
        headers = {"Location": self.location.replace("HERE", self.url)} if self.location else {}
        return Reply(self.status, b"", headers)


def download(status, location):
    with Storage(status, location) as service:
        inside = requests.Session()
        inside.trust_env, inside.headers["Authorization"] = False, "Bearer s3cret"
        spec = reader(service, **EXPORT).spec
        client = HttpClient(inside, service.url, service="Some API", sleep=lambda _: None, tries=2)

        def outside(url):
            session = requests.Session()
            session.trust_env = False
            return HttpClient(session, url, service="Some API", sleep=lambda _: None, tries=2)

        pages = PageReader(spec, client, outside)
        try:
            found = [event for part in pages.files.rows(File("f", "/file/1"), pages.records, NOW) for event in part]
        finally:
            seen = [each for each in service.requests if each.path == "/stored"]
        assert all("Authorization" not in each.headers for each in seen)
        return found


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/stored?signature=1", "../stored", "HERE/stored"])
def test_a_file_behind_one_redirect_is_fetched_without_the_credential(status, location):
    assert len(download(status, location)) == 5


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        (302, "/file/2", "redirects again"),
        (302, "", "without saying where"),
        (302, "http://elsewhere.example/f", "http://elsewhere.example, which is not fetched: only https"),
        (302, "ftp://elsewhere.example/f", "only https"),
        (302, "https://user:word@elsewhere.example/f", "an invalid address"),
        (304, "/stored", "names no other address"),
        (300, "/stored", "names no other address"),
    ],
)
def test_other_redirects_are_refused_and_no_old_link_is_blamed(status, location, said):
    with pytest.raises((ProtocolError, ConfigurationError), match=said) as caught:
        download(status, location)
    assert "link may have expired" not in str(caught.value)


def test_a_list_of_files_behind_redirects_is_pulled():
    with Pulled() as pulled:
        pulled.changes = EXPORT
        replies = [LISTED, Reply(302, b"", {"Location": "/stored"}), Reply(200, SAME["gzip"])]
        pulled.run(*replies)
    assert [event.id for event in pulled.events()] == [row[0] for row in ROWS]
    assert pulled.position.complete
