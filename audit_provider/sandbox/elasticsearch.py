"""A stand-in for Elasticsearch and for OpenSearch: ``_bulk`` with an outcome per item, streams, templates, rights.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
https://docs.opensearch.org/latest/api-reference/document-apis/bulk
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections import deque
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from audit_provider.sandbox.elasticsearch_search import search, written
from audit_provider.sandbox.elasticsearch_store import DocumentError, Index, Refusal, RefusalError, refuse_template
from audit_provider.testing.server import DestinationService, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from audit_provider.testing.server import Service

_BULK = re.compile(r"/(?:([^/]+)/)?_bulk")
_SEARCH = re.compile(r"/([^/_][^/]*)/_search")
_TEMPLATE = re.compile(r"/_index_template/([^/]+)")
_TARGET = re.compile(r"/([^/_][^/]*)")
_BAD_NAME = re.compile(r'[A-Z\\/*?"<>|\s,#:]|^[-_+.]')
_KINDS = ("application/x-ndjson", "application/json")
_OPERATIONS = frozenset({"create", "index"})
"""Operations that ship events; a real cluster accepts more."""

_MOST_ID_BYTES = 512
_MOST_NAME_BYTES = 255
_VERSIONS = {
    "elasticsearch": {"number": "9.1.0", "build_flavor": "default"},
    "opensearch": {"number": "3.1.0", "distribution": "opensearch"},
}


class InvalidError(ValueError):
    """A request that is well-formed but not valid."""


class ElasticsearchService(DestinationService):
    """A cluster of one node.

    :param api_keys: ``id:key``; each may write to the streams. :param logins: user to password.
    :param product: decides field types, headers, and which requests about the own user exist.
    :param streams: existing data streams. :param indexes: existing plain indexes. :param auto_create: others are
        created by the first write: a data stream if a template says so, otherwise an index.
    :param monitor: the credential may send ``GET /`` and ``HEAD``. :param may_create: it may create documents.
    :param may_read: it may search.
    :param failure_store: documents that do not fit a stream are kept apart, and answered with 201.
    :param takes_ids: documents may come with an id, which time-series collections of OpenSearch Serverless refuse.
    :param max_content_length: most bytes of a body, decompressed.
    """

    name = "elasticsearch"
    destination = "elasticsearch"
    sandbox_name = "opensearch"

    def __init__(
        self,
        *,
        api_keys: Iterable[str] = (),
        logins: dict[str, str] | None = None,
        product: Literal["elasticsearch", "opensearch"] = "elasticsearch",
        streams: Iterable[str] = (),
        indexes: Iterable[str] = (),
        auto_create: bool = True,
        monitor: bool = True,
        may_create: bool = True,
        may_read: bool = True,
        failure_store: bool = False,
        takes_ids: bool = True,
        max_content_length: int = 100 * 1024 * 1024,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.logins = dict(logins or {})
        self._users = {f"ApiKey {b64encode(key.encode()).decode()}": key.partition(":")[0] for key in api_keys}
        self._users |= {f"Basic {b64encode(':'.join(each).encode()).decode()}": each[0] for each in self.logins.items()}
        self._product = product
        self.targets = {name: Index(name, is_stream=True, product=product) for name in streams}
        self.targets |= {name: Index(name, is_stream=False, product=product) for name in indexes}
        self.templates: dict[str, dict[str, Any]] = {}
        self.failed: list[dict[str, Any]] = []
        self._auto_create = auto_create
        self._monitor = monitor
        self.may_create = may_create
        self.may_read = may_read
        self._failure_store, self._takes_ids = failure_store, takes_ids
        self._max_content_length = max_content_length
        self._lock = threading.Lock()
        self._planned: deque[Refusal | None] = deque()

    @classmethod
    def accepting(cls, now: Callable[[], datetime]) -> Any:
        """Return a cluster with one API key."""
        return cls(api_keys=["id:key"]).kept(now)

    @classmethod
    def of_sandbox(cls, token: str, port: int) -> tuple[Service, dict[str, Any]]:
        """Return a cluster of the sandbox, and what a client must know about it."""
        login = {"login": "shipper", "token": token}
        return cls(logins={"shipper": token}, product="opensearch", port=port), login

    def headers(self, *, right: bool) -> dict[str, str]:
        """Return the header of the API key."""
        key = b64encode(b"id:key" if right else b"id:wrong").decode()
        return {"Authorization": f"ApiKey {key}"}

    def is_delivery(self, request: Request) -> bool:
        """Whether a request brings documents."""
        return request.path.endswith("/_bulk")

    def refuse_items(self, status: int, kind: str, *, count: int = 1, after: int = 0) -> None:
        """Refuse ``count`` of the next items, after ``after`` items that are not refused."""
        self._planned.extend([None] * after + [Refusal(status, kind, "as was asked for")] * count)

    def ids(self) -> list[str]:
        """Return the event id of every document in an index or stream, repeats included."""
        documents = [document for index in self.targets.values() for document in index.documents()]
        return [str((document.get("event") or {}).get("id", "")) for document in documents]

    def state(self) -> dict[str, Any]:
        """Return counts and ids."""
        return {
            "events": len(self.ids()),
            "duplicates": self.duplicates(),
            "in_failure_store": len(self.failed),
            "targets": {name: len(list(index.documents())) for name, index in self.targets.items()},
            "ids": self.ids(),
        }

    def answer(self, request: Request) -> Reply:
        """Answer as the product does."""
        reply = self._answer(request)
        if self._product == "elasticsearch":
            reply.headers["X-Elastic-Product"] = "Elasticsearch"
        return reply

    def _answer(self, request: Request) -> Reply:
        user = self._users.get(request.headers.get("Authorization", ""))
        if user is None:
            return _error(401, "security_exception", "unable to authenticate for REST request")
        if _BULK.fullmatch(request.path):
            return self._bulk(request) if request.method in ("POST", "PUT") else _not_allowed(request)
        if match := _SEARCH.fullmatch(request.path):
            return self._search(request, unquote(match[1]))
        if request.path.startswith("/_security/") and self._product == "elasticsearch":
            return self._security(request, user)
        if not self._monitor:
            return _error(403, "security_exception", f"action is unauthorized for user [{user}]")
        if request.path == "/":
            return Reply.json(200, {"cluster_name": "sandbox", "version": _VERSIONS[self._product]})
        if match := _TEMPLATE.fullmatch(request.path):
            return self._template(request, unquote(match[1]))
        if match := _TARGET.fullmatch(request.path):
            name = unquote(match[1])
            found = name.endswith("*") or name in self.targets
            return Reply.json(200, {}) if found else _error(404, "index_not_found_exception", f"no such index [{name}]")
        return _error(400, "illegal_argument_exception", f"no handler found for uri [{request.path}]")

    def _security(self, request: Request, user: str) -> Reply:
        if request.path == "/_security/_authenticate" and request.method == "GET":
            return Reply.json(200, {"username": user, "roles": [], "enabled": True})
        if request.path == "/_security/user/_has_privileges" and request.method == "POST":
            asked = json.loads(request.plain_body() or b"{}")["index"]
            index = {
                name: dict.fromkeys(each["privileges"], self.may_create) for each in asked for name in each["names"]
            }
            return Reply.json(200, {"username": user, "has_all_requested": self.may_create, "index": index})
        return _not_allowed(request)

    def _template(self, request: Request, name: str) -> Reply:
        if request.method == "GET":
            if name not in self.templates:
                return _error(404, "resource_not_found_exception", f"index template matching [{name}] not found")
            return Reply.json(200, {"index_templates": [{"name": name, "index_template": self.templates[name]}]})
        if request.method != "PUT":
            return _not_allowed(request)
        try:
            template = json.loads(request.plain_body() or b"")
        except ValueError:
            return _error(400, "parse_exception", "the body is not JSON")
        others = [each for other, each in self.templates.items() if other != name]
        refusal = refuse_template(template, self._product, others)
        if refusal:
            return _error(refusal.status, refusal.kind, refusal.reason)
        self.templates[name] = template
        return Reply.json(200, {"acknowledged": True})

    def _search(self, request: Request, target: str) -> Reply:
        if request.method not in ("GET", "POST"):
            return _not_allowed(request)
        if not self.may_read:
            return _error(403, "security_exception", "action [indices:data/read/search] is unauthorized")
        if target not in self.targets:
            return _error(404, "index_not_found_exception", f"no such index [{target}]")
        with self._lock:
            found = search(self.targets[target], request.plain_body() or b"{}")
        if isinstance(found, Refusal):
            return _error(found.status, found.kind, found.reason)
        return Reply(200, written(found, is_filtered=bool(request.param("filter_path"))))

    def _bulk(self, request: Request) -> Reply:
        if request.headers.get("Content-Type", "").split(";")[0] not in _KINDS:
            return _error(406, "media_type_header_exception", "Content-Type header is not supported")
        body = request.plain_body()
        if body is None:
            return _error(400, "parse_exception", "the body cannot be decompressed")
        if len(body) > self._max_content_length:
            return Reply(413)
        if not body:
            return _error(400, "parse_exception", "request body is required")
        if not body.endswith(b"\n"):
            return _error(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
        match = _BULK.fullmatch(request.path)
        try:
            target = unquote((match[1] if match else None) or "")
            actions = _actions(body, target, strict=self._product == "elasticsearch")
        except InvalidError as error:
            return _error(400, "action_request_validation_exception", f"Validation Failed: 1: {error};")
        except ValueError as error:
            return _error(400, "illegal_argument_exception", str(error))
        with self._lock:
            items = [self._take(*action) for action in actions]
        reply = {
            "took": 1,
            "errors": any(each["status"] >= 300 for item in items for each in item.values()),
            "items": items,
        }
        return Reply.json(200, _filtered(reply, request.param("filter_path")))

    def _take(self, operation: str, target: str, name: str | None, document: str) -> dict[str, Any]:
        said: dict[str, Any] = {"_index": target, "_id": name}
        try:
            if name is not None and not self._takes_ids:
                reason = "Document ID is not supported in create/index operation request"
                raise RefusalError(Refusal(400, "illegal_argument_exception", reason))
            index = self._index(operation, target)
            said["_index"] = index.write_name
            said["_id"] = index.create(name, document, replace=operation == "index")
            said |= {"status": 201, "result": "created"}
        except DocumentError as error:
            if self._failure_store and target in self.targets and self.targets[target].is_stream:
                self.failed.append({"stream": target, "id": name, "error": error.refusal.reason})
                said |= {"_index": f".fs-{target}-2026.03.01-000002", "status": 201, "failure_store": "used"}
            else:
                said |= error.refusal.told()
        except RefusalError as error:
            said |= error.refusal.told()
        return {operation: said}

    def _index(self, operation: str, target: str) -> Index:
        """Return the index that takes an item.

        :raises RefusalError: none takes it.
        """
        planned = self._planned.popleft() if self._planned else None
        if planned:
            raise RefusalError(planned)
        if not target or _BAD_NAME.search(target) or len(target.encode()) > _MOST_NAME_BYTES:
            raise RefusalError(Refusal(400, "invalid_index_name_exception", f"Invalid index name [{target}]"))
        if not self.may_create:
            raise RefusalError(Refusal(403, "security_exception", "action [indices:data/write/bulk] is unauthorized"))
        if target not in self.targets:
            if not self._auto_create:
                raise RefusalError(Refusal(404, "index_not_found_exception", f"no such index [{target}]"))
            self.targets[target] = Index.by_template(target, self.templates.values(), self._product)
        index = self.targets[target]
        if index.is_read_only:
            reason = f"index [{index.write_name}] blocked by: [FORBIDDEN/5/index read-only (api)];"
            raise RefusalError(Refusal(403, "cluster_block_exception", reason))
        if index.is_full:
            why = "disk usage exceeded flood-stage watermark, index has read-only-allow-delete block"
            reason = f"index [{index.write_name}] blocked by: [TOO_MANY_REQUESTS/12/{why}];"
            raise RefusalError(Refusal(429, "cluster_block_exception", reason))
        if operation != "create" and index.is_stream:
            reason = "only write ops with an op_type of create are allowed in data streams"
            raise RefusalError(Refusal(400, "illegal_argument_exception", reason))
        return index


def _actions(body: bytes, default: str, *, strict: bool) -> list[tuple[str, str, str | None, str]]:
    """Return operation, target, id and document of each action.

    :param strict: refuse a last action without a document, instead of ignoring it.
    :raises ValueError: the body is malformed, so nothing of it is stored. :raises InvalidError: the request as a whole
        is not valid, so nothing of it is stored.
    """
    lines = body.decode().split("\n")[:-1]
    actions: list[tuple[str, str, str | None, str]] = []
    place = 0
    while place < len(lines):
        if not lines[place]:
            place += 1
            continue
        try:
            ((operation, about),) = json.loads(lines[place]).items()
        except (ValueError, AttributeError):
            raise ValueError(f"Malformed action/metadata line [{place + 1}]") from None
        if operation not in _OPERATIONS or set(about) - {"_index", "_id", "routing", "pipeline"}:
            raise ValueError(f"Malformed action/metadata line [{place + 1}], found [{operation}]")
        name = about.get("_id")
        if name is not None and len(name.encode()) > _MOST_ID_BYTES:
            raise InvalidError(f"id [{name[:20]}...] is too long, must be no longer than 512 bytes")
        if place + 1 == len(lines):
            if strict:
                raise ValueError("an action without a document ends the body")
            break
        actions.append((operation, about.get("_index", default), name, lines[place + 1]))
        place += 2
    if not actions:
        raise InvalidError("no requests added")
    return actions


def _filtered(reply: dict[str, Any], path: str | None) -> dict[str, Any]:
    """Return what ``filter_path`` asks for: keys of the reply, and of its items as ``items.*.<key>``."""
    if not path:
        return reply
    wanted = path.split(",")
    keys = {each.removeprefix("items.*.") for each in wanted if each.startswith("items.*.")}
    items = [
        {name: {k: v for k, v in said.items() if k in keys} for name, said in item.items()} for item in reply["items"]
    ]
    return {key: items if key == "items" else value for key, value in reply.items() if key in wanted or key == "items"}


def _error(status: int, kind: str, reason: str) -> Reply:
    error = {"type": kind, "reason": reason}
    return Reply.json(status, {"error": {"root_cause": [error], **error}, "status": status})


def _not_allowed(request: Request) -> Reply:
    return Reply.json(405, {"error": f"Incorrect HTTP method for uri [{request.path}]", "status": 405})
