"""Read an index or data stream of Elasticsearch or OpenSearch: find events by id, their records, and checkpoints.

The vendor's record in a document is compared with the spool's. Checkpoints that were shipped are read back.

https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-ids-query
https://docs.opensearch.org/latest/query-dsl/term/ids/
https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-prefix-query
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
https://docs.opensearch.org/latest/search-plugins/searching-data/paginate/
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

import msgspec

from audit_provider.core.destinations.elasticsearch_documents import Scope, document_id, id_prefix
from audit_provider.core.errors import UNREADABLE, ConfigurationError, CredentialError, ProtocolError, UnavailableError
from audit_provider.core.text.loose_json import decoded
from audit_provider.core.verification.arrival import digest_of
from audit_provider.core.verification.checkpoints import Log, notes_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from audit_provider.core.model import Event, Origin
    from audit_provider.core.transparency.checkpoint import Note
    from audit_provider.core.verification.arrival import Contents, IdBuckets
    from audit_provider.core.wire.http import HttpClient

_BATCH = 1000
_BATCH_OF_DOCUMENTS = 200
_MOST_HITS = 10_000  # default of index.max_result_window
_FILTER_PATH = "timed_out,_shards.failed,hits.total.value,hits.hits._id,hits.hits.fields"
_EVENT_ID = "event.id"


class Hit(msgspec.Struct):
    """One document that a search has found. :ivar sort: the values that it was sorted by."""

    id: str = msgspec.field(default="", name="_id")
    fields: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    sort: list[Any] = msgspec.field(default_factory=list)
    source: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="_source")


class _Total(msgspec.Struct):
    value: int


class Hits(msgspec.Struct):
    """The result of a search. :ivar total: how many documents match; :ivar hits: those that the request asked for."""

    total: _Total
    hits: list[Hit] = msgspec.field(default_factory=list)


class _Shards(msgspec.Struct):
    failed: int


class _Found(msgspec.Struct):
    timed_out: bool
    shards: _Shards = msgspec.field(name="_shards")
    hits: Hits


class DocumentSearch:
    """Searches an index or a data stream for ids with ``_search``; the credential needs the right to read it.

    :param scope: how ``_id`` is formed, as in the destination's option ``document_id``; with ``none``, events are
        searched for by the field ``event.id``.
    :param settle: seconds to wait, once, before ids that were not found are searched for again: a search sees a
        document only after the next refresh.
    :param missing: file to which the missing ids are written, one per line.
    :param contents: yields the records that a document of an event may hold; None to search only for ids.
    """

    tells_all = False

    def __init__(
        self,
        client: HttpClient,
        target: str,
        origin: Origin,
        *,
        scope: Scope = "pipeline",
        settle: float = 30.0,
        sleep: Callable[[float], None],
        missing: TextIO | None = None,
        contents: Contents | None = None,
    ) -> None:
        self.contents = contents
        self._said: dict[str, set[str]] = defaultdict(set)
        self.where = f"{client.base_url}/{target}"
        self.missing = missing
        self._client = client
        self._target = target
        self._id_prefix = id_prefix(origin, scope)
        self._settle = settle
        self._sleep = sleep
        self._settled = False

    def gather(self, ids: IdBuckets) -> Sequence[str]:
        """Do nothing: :meth:`count` finds the ids."""
        return ()

    def count(self, ids: Collection[str]) -> Mapping[str, int]:
        """Search for ids in batches.

        :raises AuditError: the store does not answer, or answers only in part, so nothing can be concluded.
        """
        self._said.clear()
        found = self._count(list(ids))
        absent = [name for name in ids if not found[name]]
        if absent:
            if not self._settled:
                self._sleep(self._settle)
                self._settled = True
            found.update(self._count(absent))
        return found

    def said(self, name: str) -> Collection[str]:
        """Return digests of the records in the documents of an id of the last count."""
        return self._said.get(name, ())

    def _count(self, ids: Sequence[str]) -> Counter[str]:
        found: Counter[str] = Counter()
        batch = _BATCH if self.contents is None else _BATCH_OF_DOCUMENTS
        for first in range(0, len(ids), batch):
            found.update(self._ask(ids[first : first + batch]))
        return found

    def _ask(self, ids: Sequence[str]) -> Counter[str]:
        prefix = self._id_prefix
        names = {each if prefix is None else document_id(prefix, each): each for each in ids}
        query: dict[str, Any]
        if prefix is None:
            query = {"query": {"terms": {_EVENT_ID: list(names)}}, "fields": [_EVENT_ID]}
        else:
            query = {"query": {"ids": {"values": list(names)}}}
        query |= {"size": _MOST_HITS, "track_total_hits": True, "_source": self.contents is not None}
        hits = search(
            # With a filter, OpenSearch serializes the sources again and loses digits that a double cannot hold.
            self._client,
            self._target,
            query,
            _FILTER_PATH if self.contents is None else None,
        )
        if hits.total.value > len(hits.hits):
            if len(ids) == 1:
                return Counter({ids[0]: hits.total.value})
            middle = len(ids) // 2
            return self._ask(ids[:middle]) + self._ask(ids[middle:])
        found: Counter[str] = Counter()
        for hit in hits.hits:
            name = names.get(str(hit.fields.get(_EVENT_ID, [""])[0]) if prefix is None else hit.id)
            if name is None:
                continue
            found[name] += 1
            if not isinstance(hit.source, msgspec.UnsetType) and (record := record_in(bytes(hit.source))) is not None:
                self._said[name].add(digest_of(record))
        return found


def search(client: HttpClient, target: str, query: Mapping[str, Any], filter_path: str | None) -> Hits:
    """Send a ``_search`` to an index or a data stream.

    :param query: the body. :param filter_path: the parts that the answer has, see :class:`Hits`; None for all.
    :raises AuditError: the store does not answer, or answers only in part, so nothing can be concluded.
    """
    answer = client.fetch(
        "POST",
        f"/{quote(target, safe='')}/_search",
        params={"filter_path": filter_path} if filter_path else {},
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        body=msgspec.json.encode(query),
    )
    if answer.status in (401, 403):
        raise CredentialError(
            f"{answer.where} answered {answer.status}{client.words(answer)}: give the credential the index "
            f"privilege 'read' on {target}, or name a connection that has it by conn_id."
        )
    if answer.status != 200:
        raise ConfigurationError(
            f"{answer.where} answered {answer.status}{client.words(answer)}: check the name of the target."
        )
    try:
        found = answer.decoded(_decode)
    except msgspec.ValidationError:
        raise ProtocolError(f"{answer.where} answered 200 and not as _search does: check the host.") from None
    if found.timed_out or found.shards.failed:
        raise UnavailableError(
            f"{answer.where} answered for a part of the index only, so it is unknown what is missing: try again "
            f"when all its shards are there."
        )
    return found.hits


_decode = msgspec.json.Decoder(_Found).decode


_OWN = frozenset({"@timestamp", "data_stream", "event"})
"""Keys that this package adds at the root of a document if the record itself is the document."""

_ENVELOPE = frozenset({"id", "time", "source", "pipeline", "raw"})
"""Keys that the format ``envelope`` always has."""

_OCSF_METADATA = frozenset({"version", "product", "log_name", "uid"})
"""Keys that the format ``ocsf`` always has under ``metadata``; it writes one name for product and vendor."""

_OCSF_PRODUCT = frozenset({"name", "vendor_name"})


def record_in(document: bytes) -> bytes | None:
    """Return the record in a document, in canonical form; None if the form cannot be compared.

    The record is ``event.original`` (ECS), ``raw_data`` (OCSF as this package writes it), the object under ``raw``, or
    else the document itself. Fields derived from the record are not compared, because another version of this package,
    or an ingest pipeline, may derive other ones. A vendor's own ECS or OCSF within ``raw`` is the record, and is
    compared whole.
    """
    try:
        found = decoded(document)
        if not isinstance(found, dict):
            return None
        if _is_envelope(found):
            return one_spelling(found["raw"])
        inner = found.get("raw")
        original = _original_in(found)
        if original is None and isinstance(inner, dict):
            # The destination puts a document that a strict decoder refuses under 'raw', except ECS.
            original = _raw_data_in(inner)
            if original is None:
                return one_spelling(inner["raw"] if _is_envelope(inner) else inner)
        if original is not None:
            return one_spelling(decoded(original.encode()))
    except UNREADABLE:
        return None
    if isinstance(found.get("message"), str) and not found.keys() - _OWN - {"message"}:
        return None
    return one_spelling({key: value for key, value in found.items() if key not in _OWN})


def _original_in(document: Mapping[str, Any]) -> str | None:
    """Return the record's text from an ECS or OCSF document; None in other formats."""
    event = document.get("event")
    original = event.get("original") if isinstance(event, dict) else document.get("event.original")
    return original if isinstance(original, str) else _raw_data_in(document)


def _raw_data_in(document: Mapping[str, Any]) -> str | None:
    """Return the record's text from an OCSF document of this package; a vendor's own one is a record itself."""
    metadata = document.get("metadata")
    if "class_uid" not in document or not isinstance(metadata, dict) or not metadata.keys() >= _OCSF_METADATA:
        return None
    product, original = metadata["product"], document.get("raw_data")
    is_own = isinstance(product, dict) and product.keys() == _OCSF_PRODUCT and len(set(map(str, product.values()))) == 1
    return original if is_own and isinstance(original, str) else None


def _is_envelope(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("raw"), dict) and found.keys() >= _ENVELOPE


def one_spelling(record: Any) -> bytes:
    """Return a record in canonical form, because a store may reorder, flatten and sort what it returns."""
    return msgspec.json.encode(sorted(set(_leaves(record, ""))))


def records_of(contents: Contents) -> Contents:
    """Return a function that yields the records, in canonical form, that a document of an event may hold.

    :param contents: yields the contents under which a destination may store the event.
    """

    def records(folder: str, segment: int, event: Event) -> Iterator[bytes]:
        for each in contents(folder, segment, event):
            if (found := record_in(each)) is not None:
                yield found
        try:
            yield one_spelling(decoded(bytes(event.raw)))
        except UNREADABLE:
            return

    return records


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, float) and value.is_integer():
        yield path, str(int(value))
    elif isinstance(value, bool):
        yield path, str(value).lower()
    elif value is not None:
        yield path, str(value)


_PAGE = 500
_NOTES_FILTER_PATH = "timed_out,_shards.failed,hits.total.value,hits.hits._id,hits.hits.sort,hits.hits._source"

# Documents of every format have event.id. The prefix matches a keyword field and also a word of a text field.
_NOTES_QUERY = {"prefix": {"event.id": {"value": "checkpoint"}}}
_NOTES_SORT = [{"@timestamp": {"order": "asc", "unmapped_type": "date"}}]


def notes_of_index(client: HttpClient, target: str, pipeline: str = "", *, page: int = _PAGE) -> list[Note]:
    """Return the checkpoints in the documents of an index or a data stream, shipped in any format.

    :param pipeline: whose checkpoints are wanted, because pipelines may share a target; "" for all.
    :param page: number of documents per request.
    :raises ConfigurationError: there is no checkpoint, or no such target.
    :raises AuditError: the store does not answer, or answers only in part, so nothing can be concluded.
    """
    found: dict[str, Note] = {}
    for hit in _hits(client, target, page):
        if isinstance(hit.source, msgspec.UnsetType):
            continue
        try:
            found |= {str(each): each for each in notes_in(bytes(hit.source))}
        except ConfigurationError:
            continue  # another event with such an id, or a format without the record
    if pipeline:
        found = {text: note for text, note in found.items() if _is_of(note, pipeline)}
    if not found:
        of = f" of the pipeline {pipeline}" if pipeline else ""
        raise ConfigurationError(
            f"{client.base_url}/{target} holds no checkpoint{of} that can be read: name the destination's target, and "
            f"see that the pipeline has 'ship_checkpoints' and a format that keeps the record."
        )
    return list(found.values())


def _hits(client: HttpClient, target: str, page: int) -> Iterator[Hit]:
    """Yield the documents page by page, some twice: neither product sorts by ``_id`` unless its settings allow it.

    Each page begins at the time at which the previous one ended, so that no document with that time is lost.
    """
    size, begins = page, None
    while True:
        query: dict[str, Any] = {"query": _NOTES_QUERY, "sort": _NOTES_SORT, "size": size, "track_total_hits": True}
        if begins is not None:
            query["search_after"] = [begins - 1]
        hits = search(client, target, query, _NOTES_FILTER_PATH).hits
        yield from hits
        if len(hits) < size:
            return
        last = hits[-1].sort[0] if hits[-1].sort else None
        if not isinstance(last, int):
            raise ProtocolError(f"{client.base_url}/{target} did not sort by @timestamp as asked: check the host.")
        if last == begins or last == hits[0].sort[0]:
            if size >= _MOST_HITS:
                raise ConfigurationError(
                    f"{client.base_url}/{target} has more than {size:,} checkpoints of one time: export them to a file."
                )
            size = _MOST_HITS
        else:
            size = page
        begins = last


def _is_of(note: Note, pipeline: str) -> bool:
    """Whether a checkpoint is of a pipeline, or of a log that is not of this package; the latter must be reported."""
    log = Log.of(note.text.partition("\n")[0])
    return log is None or log.folder.partition("/")[0] == pipeline
