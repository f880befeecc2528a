"""OpenSearch, from its published artefacts: one node with its real index, translog, thread pools and REST API.

No record that is nested deeper than the product sends reaches it: one would end its stack.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from audit_provider.core.destinations.elasticsearch import ElasticsearchDestination, ElasticsearchOptions
from audit_provider.core.formats import FORMATS
from audit_provider.core.model import Event
from audit_provider.sandbox.local_airflow import free_ports
from tests.real.account import Finding, Shipment, checked, compare
from tests.real.adverse import ORIGIN, adverse_events, good_events
from tests.real.asking import Questions, asked
from tests.real.clients import http_client
from tests.real.obtaining import Obtained, from_maven, java_home
from tests.real.process import Process, started
from tests.real.servers.base import Place, Server

_ARTEFACTS = (
    "org.opensearch:opensearch",
    "org.opensearch.plugin:transport-netty4-client",
    "org.opensearch.plugin:analysis-common",
    "org.opensearch.plugin:lang-painless",
    "org.apache.logging.log4j:log4j-core:2.25.4",
)
_SERVE = Path(__file__).parents[1] / "opensearch/Serve.java"
_START_SECONDS = 180.0


@dataclass
class Cluster:
    """One node. :ivar process: it. :ivar start: starts it again, on its ports and data."""

    place: Place
    url: str
    process: Process
    start: Callable[[], Process]

    def ask(self, method: str, path: str, body: Any = None, *, as_written: bool = False) -> Any:
        """Return the answer to a request of the suite's own.

        :param as_written: its numbers as texts.
        :raises RuntimeError: it is an error.
        """
        answer = requests.request(method, f"{self.url}{path}", json=body, timeout=60, proxies={"http": "", "https": ""})
        if not answer.ok:
            raise RuntimeError(f"{method} {path} was answered with {answer.status_code}: {answer.text[:300]}")
        return answer.json(parse_float=str, parse_int=str) if as_written else answer.json()

    def destination(self, form: str = "ecs", **options: Any) -> ElasticsearchDestination:
        """Return the product's own."""
        client = http_client(self.url, service="OpenSearch")
        return ElasticsearchDestination(
            ElasticsearchOptions(**options), ORIGIN, client, form=FORMATS[form](ORIGIN, "1.3")
        )

    def held(self, target: str) -> list[Hashable]:
        """Return all documents of a stream or an index, each as far as it can be compared."""
        self.ask("POST", f"/{quote(target)}/_refresh")
        path = f"/{quote(target)}/_search?size=10000&track_total_hits=true"
        found = self.ask("GET", path, as_written=True)
        documents = [json.dumps(each["_source"], sort_keys=True) for each in found["hits"]["hits"]]
        assert len(documents) == int(found["hits"]["total"]["value"])
        return documents

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask("GET", "/_cluster/health")["status"] in ("green", "yellow"))
        except (requests.RequestException, RuntimeError):
            return False


def comparable(text: str | bytes) -> str:
    """Return a document with its keys sorted and its numbers as they are written."""
    return json.dumps(json.loads(text, parse_float=str, parse_int=str), sort_keys=True)


@contextmanager
def cluster(place: Place, *settings: str) -> Iterator[Cluster]:
    """Run a node."""
    port, transport = free_ports(2)
    home = place.folder / "home"
    (home / "config").mkdir(parents=True)
    java = java_home(21 if int(place.made.version.partition(".")[0]) >= 3 else 17)
    known = {
        "path.home": home,
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": transport,
        "discovery.type": "single-node",
        "cluster.name": "real",
        "node.name": "one",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    command = [
        str(java / "bin/java"),
        "-Xms512m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{place.made.root}{os.sep}*",
        str(_SERVE),
        *(f"{name}={value}" for name, value in known.items()),
        *settings,
    ]
    log = place.folder / "log"
    with started(command, log, port, seconds=_START_SECONDS, folder=home) as process:
        node = Cluster(place, f"http://127.0.0.1:{port}", process, lambda: Process(command, log, folder=home))
        process.wait_for(node.is_up, _START_SECONDS)
        try:
            yield node
        finally:
            node.process.stop()


def _expected(destination: ElasticsearchDestination) -> Callable[[Event], str]:
    return lambda event: comparable(destination.encode(event, restamp=False).split(b"\n", 1)[1])


def adverse(node: Cluster, form: str) -> Finding:
    """All adverse events into a data stream with the template of this package, and then again."""
    destination = node.destination(form, namespace=form, template="install", product="opensearch")
    shipment = Shipment(adverse_events()).run(destination)
    again = Shipment(adverse_events()).run(destination)
    held = node.held(destination.target)
    found = compare(shipment, held, _expected(destination), notes=_letters(shipment))
    delivered = shipment.offset.counts.delivered
    if not found.wrong and (again.offset.counts.already_there, len(held)) != (delivered, delivered):
        return Finding(found.said, found.held, f"shipped again: {again.said}, {len(held)} are held")
    return found


def plain_index(node: Cluster) -> Finding:
    """All adverse events as raw records into an index without any template: mappings clash, fields are too many."""
    destination = node.destination("raw", target="plain")
    shipment = Shipment(adverse_events()).run(destination)
    return compare(shipment, node.held("plain"), _expected(destination), notes=_letters(shipment))


def asked_for(node: Cluster, form: str) -> Finding:
    """The scheduled verification asks for all adverse events that are delivered, whatever their ids and records are."""
    options = {"namespace": f"asked_{form}"}
    destination = node.destination(form, template="install", product="opensearch", **options)
    shipment = Shipment(adverse_events()).run(destination)
    target = destination.target

    def document(event: Event) -> tuple[str, str]:
        """Return index and id of an event's document."""
        action = json.loads(destination.encode(event, restamp=False).split(b"\n", 1)[0])
        query = {"query": {"ids": {"values": [action["create"]["_id"]]}}}
        (hit,) = node.ask("POST", f"/{quote(target)}/_search", query)["hits"]["hits"]
        return hit["_index"], hit["_id"]

    def remove(event: Event) -> None:
        index, name = document(event)
        node.ask("DELETE", f"/{index}/_doc/{quote(name, safe='')}?refresh=true")

    def alter(event: Event) -> None:
        index, name = document(event)
        path = f"/{index}/_doc/{quote(name, safe='')}"
        kept = node.ask("GET", path)
        only = f"if_seq_no={kept['_seq_no']}&if_primary_term={kept['_primary_term']}"
        altered = json.loads(json.dumps(kept["_source"]).replace("user_login", "user_logout"))
        node.ask("PUT", f"{path}?refresh=true&{only}", altered)

    client = http_client(node.url, service="OpenSearch")
    node.ask("POST", f"/{quote(target)}/_refresh")
    entry = {"type": "elasticsearch", "format": form, **options}
    return asked(shipment, Questions(entry, client), remove=remove, alter=alter)


def rolled_over(node: Cluster) -> Finding:
    """The same events once more after a rollover: stored twice, as the page says, and nothing is missing."""
    events = good_events(50)
    destination = node.destination(namespace="rollover", template="install", product="opensearch")
    Shipment(events).run(destination)
    node.ask("POST", f"/{destination.target}/_rollover")
    shipment = Shipment(events).run(destination)
    return compare(shipment, node.held(destination.target), _expected(destination), takes=50)


def quoted(node: Cluster) -> Finding:
    """The answer quotes a value with half of a surrogate pair: that event is set aside, the others are stored."""
    target = "quoted"
    under_raw = {"properties": {"detail": {"type": "integer"}}}  # where a record goes that a strict decoder refuses
    node.ask("PUT", f"/{target}", {"mappings": {"properties": {"raw": under_raw}}})
    half = next(each for each in adverse_events() if each.id == "half a pair")
    events = [*good_events(10), half, *good_events(20)[10:]]
    destination = node.destination("raw", target=target)
    shipment = Shipment(events).run(destination)
    return compare(shipment, node.held(target), _expected(destination), takes=20, notes=_letters(shipment))


def blocked(node: Cluster, setting: str) -> Finding:
    """An index that takes no writes: the run is red and counts nothing, and goes on when the block is gone."""
    events = good_events(50)
    target = f"blocked-{setting.replace('_', '-')}"
    node.ask("PUT", f"/{target}")
    node.ask("PUT", f"/{target}/_settings", {f"index.blocks.{setting}": True})
    destination = node.destination(target=target)
    shipment = Shipment(events).run(destination)
    first = shipment.errors[-1]
    if not first or shipment.delivered() or shipment.letters:
        return Finding(shipment.said, "-", f"while it was blocked, the run ended with {first!r}")
    node.ask("PUT", f"/{target}/_settings", {f"index.blocks.{setting}": None})
    shipment.run(destination)
    return compare(shipment, node.held(target), _expected(destination), takes=50, notes=f"while blocked: {first}")


def no_stream(node: Cluster) -> Finding:
    """An index that is not there and may not be made."""
    node.ask("PUT", "/_cluster/settings", {"persistent": {"action.auto_create_index": "false"}})
    try:
        shipment = Shipment(good_events(20)).run(node.destination(target="not-there"))
    finally:
        node.ask("PUT", "/_cluster/settings", {"persistent": {"action.auto_create_index": None}})
    return compare(shipment, [], lambda event: event.id, ends="index", takes=0)


def no_failure_store(node: Cluster) -> Finding:
    """Elasticsearch's failure store, which keeps behind a 201 what does not fit: a template with it is refused."""
    wanted = {"template": {"data_stream_options": {"failure_store": {"enabled": True}}}}
    body = {"index_patterns": ["failing-*"], "data_stream": {}, **wanted}
    try:
        node.ask("PUT", "/_index_template/failing", body)
    except RuntimeError as error:
        return Finding("-", "-", "" if "data_stream_options" in str(error) else str(error), notes=str(error))
    return Finding("-", "-", "it has a failure store: ship to it, see 'failure_store' of the destination")


def killed(node: Cluster) -> Finding:
    """The node is killed midway and started again: what is delivered is in its translog."""
    events = good_events(3000)
    destination = node.destination(namespace="killed", template="install", product="opensearch", batch_events=200)
    send, sent = destination.send, []

    def stopping(batch: Any) -> Any:
        sent.append(1)
        if len(sent) == 8:
            node.process.stop(signal.SIGKILL)
        return send(batch)

    destination.send = stopping  # type: ignore[method-assign]
    shipment = Shipment(events).run(destination)
    first = f"the first run: {shipment.said}"
    node.process = node.start().wait_for(node.is_up, _START_SECONDS)
    node.ask("GET", f"/_cluster/health/{destination.target}?wait_for_status=yellow&timeout=60s")
    shipment.run(destination)
    held = node.held(destination.target)
    found = compare(shipment, held, _expected(destination), takes=3000, notes=first)
    return found if found.wrong or len(held) == 3000 else Finding(found.said, found.held, f"{len(held)} are held")


def busy(node: Cluster) -> Finding:
    """A node whose queue of writes holds one: it answers 429 to some documents, or to all of a request."""
    events = good_events(2000)
    with cluster(node.place.below("busy"), "thread_pool.write.size=1", "thread_pool.write.queue_size=1") as small:
        destination = small.destination(target="busy", batch_events=20)
        shipment = Shipment(events)
        for _ in range(20):
            shipment.run(destination, concurrency=8)
            if not shipment.errors[-1]:
                break
        pools = small.ask("GET", "/_nodes/stats/thread_pool")["nodes"].values()
        rejected = sum(each["thread_pool"]["write"]["rejected"] for each in pools)
        held = small.held("busy")
    found = compare(shipment, held, _expected(destination), takes=2000, notes=f"{rejected} rejected by the node")
    return found if rejected or found.wrong else Finding(found.said, found.held, "the node rejected nothing")


def pressed(node: Cluster) -> Finding:
    """A node with almost no memory for writes: 429 to whole requests, so the run is red and nothing is counted."""
    with cluster(node.place.below("pressed"), "indexing_pressure.memory.limit=1kb") as small:
        small.ask("PUT", "/pressed")
        shipment = Shipment(good_events(100)).run(small.destination(target="pressed"))
        held = small.held("pressed")
    return compare(shipment, held, lambda event: event.id, ends="429", takes=0)


def _letters(shipment: Shipment) -> str:
    return "; ".join(
        f"{each.item.event.id[:40]!r} is set aside: {each.reason[:200]}" for each in shipment.letters.values()
    )


SCENARIOS: dict[str, Callable[[Cluster], Finding]] = {
    "data stream, adverse events, twice, ecs": lambda node: adverse(node, "ecs"),
    "data stream, adverse events, twice, envelope": lambda node: adverse(node, "envelope"),
    "data stream, adverse events, twice, ocsf": lambda node: adverse(node, "ocsf"),
    "plain index, adverse events, raw": plain_index,
    "its test": lambda node: checked(node.destination(), says="accepts the credential"),
    **{f"asked for the days, {form}": partial(asked_for, form=form) for form in ("ecs", "envelope", "ocsf", "raw")},
    "rollover, then the same ids": rolled_over,
    "read only": lambda node: blocked(node, "read_only"),
    "read only, since its disk is full": lambda node: blocked(node, "read_only_allow_delete"),
    "a value that its answer quotes": quoted,
    "no writes": lambda node: blocked(node, "write"),
    "no index, and none is made": no_stream,
    "failure store, which it does not have": no_failure_store,
    "kill -9 midway": killed,
    "queue of one write, 8 requests at once": busy,
    "no memory for writes": pressed,
}


def _obtain(version: str) -> Obtained:
    java_home(21 if int(version.partition(".")[0]) >= 3 else 17)
    return from_maven(_ARTEFACTS, "opensearch", version)


def _servers(versions: Sequence[str]) -> tuple[Server, ...]:
    names = {version: f"OpenSearch {version.partition('.')[0]}" for version in versions}
    return tuple(Server(names[each], each, _obtain, SCENARIOS, cluster) for each in versions)


SERVERS = _servers(("2.19.6", "3.9.0"))
