"""Write the two lines of an event in a ``_bulk`` body, and name the streams for them.

https://www.elastic.co/docs/reference/ecs/ecs-data_stream
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from audit_provider.core.formats import Ecs, as_json
from audit_provider.core.formats.ecs import dataset_of
from audit_provider.core.model import exact_text_of
from audit_provider.core.records.times import time_from

if TYPE_CHECKING:
    from audit_provider.core.formats import Form
    from audit_provider.core.model import Event, Origin

MOST_ID_BYTES = 512

MOST_DEPTH = 200
"""Nesting levels of a document. OpenSearch allows 1,000 for a ``flat_object``, but its stack may overflow earlier."""

Scope = Literal["pipeline", "source", "none"]

_MOST_NAME_BYTES = 255
_NAMESPACE = re.compile(r"[a-z0-9_.]{1,100}")
_NAME = re.compile(r'(?![-_+.])[^A-Z\\/*?"<>|\s,#:]+')
_STREAM = re.compile(r"(logs)-([^-]+)-([^-]+)")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?")
_MILLISECONDS = range(10**11, 10**14)  # since the epoch: smaller numbers are seconds, larger ones microseconds


def stream_name(source: str, namespace: str) -> str:
    """Return the data stream of a source, ``logs-saas_audit.<source>-<namespace>``, by the naming rules."""
    return f"logs-{dataset_of(source)}-{namespace}"


def check_namespace(namespace: str) -> None:
    """Check that a text can be the last part of a data stream's name.

    :raises ValueError: it cannot.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError("'namespace' may contain up to 100 lower-case letters, digits, '_' and '.', but no '-'")


def check_target(target: str) -> None:
    """Check that a text can be the name of one index or data stream.

    :raises ValueError: it cannot.
    """
    if not _NAME.fullmatch(target) or target != target.lower() or len(target.encode()) > _MOST_NAME_BYTES:
        raise ValueError(
            "'target' must be one index or data stream: lower case, up to 255 bytes, without \\ / * ? \" < > | , # : "
            "or a space, and not beginning with - _ + or ."
        )


def id_prefix(origin: Origin, scope: Scope) -> str | None:
    """Return the prefix of every ``_id`` of one origin; None if the store creates the ids."""
    return {"pipeline": f"{origin.source}:{origin.pipeline}:", "source": f"{origin.source}:", "none": None}[scope]


def document_id(prefix: str, event_id: str) -> str:
    """Return the ``_id`` of an event; if it would be too long, a digest replaces the event's own id."""
    name = prefix + event_id
    if len(name.encode()) > MOST_ID_BYTES:
        return f"{prefix}sha256:{hashlib.sha256(event_id.encode()).hexdigest()}"
    return name


# Reserved names: either product refuses them at the root of a document.
_METADATA = frozenset(
    {
        "_id",
        "_index",
        "_type",
        "_source",
        "_size",
        "_routing",
        "_field_names",
        "_ignored",
        "_ignored_source",
        "_data_stream_timestamp",
        "_nested_path",
        "_doc_count",
        "_feature",
        "_inference_fields",
        "_recovery_source",
        "_parent",
        "_primary_term",
        "_seq_no",
        "_tier",
        "_tsid",
        "_ts_routing_hash",
        "_version",
    }
)


class _Head(msgspec.Struct):
    """The members of a form's object that matter here; the rest is skipped without parsing."""

    timestamp: Raw | UnsetType = msgspec.field(default=UNSET, name="@timestamp")
    event: Raw | UnsetType = UNSET
    event_id: Raw | UnsetType = msgspec.field(default=UNSET, name="event.id")
    data_stream: Raw | UnsetType = UNSET


class Documents:
    """Writes the lines of one origin's events for one target.

    Every document has ``@timestamp``, ``event.id`` and, in a stream named by Elastic's scheme, ``data_stream``. A form
    that writes them itself keeps its own. A record is put whole under ``raw`` if it uses these names for something
    else, has a time that the store would misread, or has a reserved name such as ``_id`` at its root.
    :param scope: what an ``_id`` contains besides the event's id; with ``none``, the store creates the ids.
    """

    def __init__(self, form: Form, origin: Origin, target: str, scope: Scope) -> None:
        stream = _STREAM.fullmatch(target)
        named = dict(zip(("type", "dataset", "namespace"), stream.groups(), strict=True)) if stream else {}
        # The data set in a document must be the one in its stream's name.
        self._form = Ecs(origin, dataset=named["dataset"]) if named and isinstance(form, Ecs) else form
        self._id_prefix = id_prefix(origin, scope)
        self._encode = msgspec.json.Encoder().encode
        self._head = msgspec.json.Decoder(_Head).decode
        self._members = msgspec.json.Decoder(dict[str, Raw]).decode
        self._data_stream = b'"data_stream":%b,' % self._encode(named) if named else b""
        self._dataset = b',"dataset":%b' % self._encode(named["dataset"]) if named else b""

    def lines(self, event: Event) -> bytes:
        """Return the action and the document, without the last newline.

        :raises ValueError: the event cannot be written.
        """
        document = self._document(event)
        if is_deeper(document, MOST_DEPTH):
            raise ValueError(f"it is nested more than {MOST_DEPTH} levels deep, which may end the store's process")
        return b'{"create":%b}\n%b' % (self._action(event.id), document)

    def _action(self, event_id: str) -> bytes:
        if self._id_prefix is None:
            return b"{}"
        return b'{"_id":%b}' % self._encode(document_id(self._id_prefix, event_id))

    def _document(self, event: Event) -> bytes:
        if not self._form.is_json:
            return self._wrapped(event, b"message", as_json(self._form, event))
        if isinstance(self._form, Ecs):
            # ECS writes all of these fields except data_stream.
            return b"{" + self._data_stream + self._form.write(event)[1:]
        # A line break in a record can only be white space between its parts; here it would end the document.
        written = self._form.write(event).replace(b"\n", b" ").strip()
        try:
            head = self._head(written)
        except msgspec.ValidationError:
            raise  # it is no object
        except msgspec.DecodeError:
            # A string holds half of a surrogate pair, which the store accepts and the decoder does not.
            return self._wrapped(event, b"raw", written)
        if head.event is UNSET and head.event_id is UNSET:
            own = self._event(event)
        else:
            told = self._told_id(head)
            if told is UNSET:
                written = self._with_id(written, event.id)
            elif told != event.id:
                return self._wrapped(event, b"raw", written)
            own = b""
        if not _is_time(head.timestamp) or not _is_object(head.data_stream) or self._clashes(written):
            return self._wrapped(event, b"raw", written)
        stamp = self._timestamp(event) if head.timestamp is UNSET else b""
        start = b"{" + stamp + (self._data_stream if head.data_stream is UNSET else b"") + own
        rest = written[1:].lstrip()
        return start.rstrip(b",") + rest if rest == b"}" else start + rest

    def _clashes(self, written: bytes) -> bool:
        """Whether the root has a reserved name; its underscore may be written as an escape."""
        may = b'"_' in written or b'"\\u005' in written
        return may and not _METADATA.isdisjoint(self._members(written))

    def _wrapped(self, event: Event, name: bytes, value: bytes) -> bytes:
        return b'{%b%b%b"%b":%b}' % (self._timestamp(event), self._data_stream, self._event(event), name, value)

    def _timestamp(self, event: Event) -> bytes:
        return b'"@timestamp":"%b",' % exact_text_of(event.time).encode()

    def _event(self, event: Event) -> bytes:
        return b'"event":{"id":%b%b},' % (self._encode(event.id), self._dataset)

    def _told_id(self, head: _Head) -> Any:
        """Return the event id in the form's object; UNSET if an id can be added, None if it cannot."""
        if not isinstance(head.event_id, UnsetType):
            return msgspec.json.decode(head.event_id)
        if isinstance(head.event, UnsetType) or not _is_object(head.event):
            return None
        members = self._members(head.event)
        return msgspec.json.decode(members["id"]) if "id" in members else UNSET

    def _with_id(self, written: bytes, event_id: str) -> bytes:
        members = self._members(written)
        inner = self._members(members["event"])
        inner = {"id": Raw(self._encode(event_id)), **inner}
        return self._encode({**members, "event": inner})


def _is_time(value: Raw | UnsetType) -> bool:
    """Whether a field of the type ``date`` reads a time correctly: it reads any number as milliseconds."""
    if isinstance(value, UnsetType):
        return True
    time = msgspec.json.decode(value)
    if isinstance(time, str):
        return _RFC_3339.fullmatch(time) is not None and time_from(time) is not None
    return isinstance(time, int) and time in _MILLISECONDS


def _is_object(value: Raw | UnsetType) -> bool:
    return isinstance(value, UnsetType) or bytes(value).lstrip()[:1] == b"{"


_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]', re.DOTALL)


def is_deeper(content: bytes, most: int) -> bool:
    """Whether valid JSON is nested more than ``most`` levels deep.

    If it has no more opening brackets than that, including those in strings, it is not parsed.
    """
    if content.count(b"{") + content.count(b"[") <= most:
        return False
    depth = 0
    for mark in _MARK.finditer(content):
        if mark[1]:
            depth += 1
            if depth > most:
                return True
        elif mark[0] in b"]}":
            depth -= 1
    return False
