#!/usr/bin/env bash
# An empty page ends the reading, though the answer names the next one
#
# Software: PyPI msgraph-core 1.5.2 with microsoft-kiota-serialization-json 1.16.0
# Expected: Documentation of Microsoft Graph, "Paging Microsoft Graph data in your app": call the @odata.nextLink of
#           each answer until an answer has none. That a page has items is promised nowhere.
# Seen:     Of three pages, of which the second has no items and a next link, PageIterator gives the items of the
#           first. The third is never asked for, and no error is raised.
# Matters:  Such pages come from the service: issue 129 of msgraph-sdk-javascript shows one, whose PageIterator was
#           mended. What comes after the page is lost, and the run looks complete.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet msgraph-core==1.5.2 microsoft-kiota-serialization-json==1.16.0
"$work/venv/bin/python" - <<'PY'
import sys


def hold(what, seen, known):
    print(f"{what}: {seen!r}")
    if seen != known:
        sys.exit(f"CHANGED, {what} was {known!r}")


import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.serialization import Parsable
from kiota_http.httpx_request_adapter import HttpxRequestAdapter
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph_core.tasks.page_iterator import PageIterator

PAGES = {"/2": ([], "/3"), "/3": ([{"id": "c"}], None)}
asked = []


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        items, following = PAGES[self.path]
        page = {"value": items}
        if following:
            page["@odata.nextLink"] = address + following
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Entry(Parsable):
    def __init__(self, id=None):
        self.id = id

    @staticmethod
    def create_from_discriminator_value(node):
        return Entry()

    def get_field_deserializers(self):
        return {"id": lambda node: setattr(self, "id", node.get_str_value())}

    def serialize(self, writer):
        writer.write_str_value("id", self.id)


class Collection(Parsable):
    def __init__(self, value=None, odata_next_link=None):
        self.value, self.odata_next_link = value, odata_next_link

    @staticmethod
    def create_from_discriminator_value(node):
        return Collection()

    def get_field_deserializers(self):
        return {
            "value": lambda node: setattr(self, "value", node.get_collection_of_object_values(Entry)),
            "@odata.nextLink": lambda node: setattr(self, "odata_next_link", node.get_str_value()),
        }

    def serialize(self, writer):
        writer.write_collection_of_object_values("value", self.value)


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"


async def read():
    async with httpx.AsyncClient() as client:
        adapter = HttpxRequestAdapter(AnonymousAuthenticationProvider(), JsonParseNodeFactory(), http_client=client)
        found = []
        pages = PageIterator(Collection([Entry("a")], address + "/2"), adapter)
        await pages.iterate(lambda entry: found.append(entry.id) or True)
        return found


hold("items", asyncio.run(read()), ["a"])
hold("pages asked for", asked, ["/2"])
PAGES["/2"] = ([{"id": "b"}], "/3")
hold("items, where no page is empty", asyncio.run(read()), ["a", "b", "c"])
PY
