"""The checkpoints that were shipped to Elasticsearch or OpenSearch, read back from the index.

https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-prefix-query
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
https://docs.opensearch.org/latest/search-plugins/searching-data/paginate/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import ConfigurationError, ProtocolError
from audit_provider.core.verification.checkpoints import Log, notes_in
from audit_provider.core.verification.documents import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_provider.core.transparency.checkpoint import Note
    from audit_provider.core.verification.documents import Hit
    from audit_provider.core.wire.http import HttpClient

_PAGE = 500
_MOST_HITS = 10_000  # index.max_result_window, as it comes
_FILTER_PATH = "timed_out,_shards.failed,hits.total.value,hits.hits._id,hits.hits.sort,hits.hits._source"

# Every form's document has event.id. As a keyword it begins so, and as a text that is one of its words.
_QUERY = {"prefix": {"event.id": {"value": "checkpoint"}}}
_SORT = [{"@timestamp": {"order": "asc", "unmapped_type": "date"}}]


def notes_of_index(client: HttpClient, target: str, pipeline: str = "", *, page: int = _PAGE) -> list[Note]:
    """Return the checkpoints in the documents of an index or a data stream, in whatever form they were shipped.

    :param pipeline: whose checkpoints are wanted, since pipelines may share a target; "" for all.
    :param page: documents that one request asks for.
    :raises ConfigurationError: there is none, or no such target.
    :raises AuditError: the store does not answer, or not whole, so that nothing may be concluded.
    """
    found: dict[str, Note] = {}
    for hit in _hits(client, target, page):
        if isinstance(hit.source, msgspec.UnsetType):
            continue
        try:
            found |= {str(each): each for each in notes_in(bytes(hit.source))}
        except ConfigurationError:
            continue  # another event with such an id, or a form without the record
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

    Each page begins with the time at which the one before it ended, so that documents of one time are not lost at its
    end.
    """
    size, begins = page, None
    while True:
        query: dict[str, Any] = {"query": _QUERY, "sort": _SORT, "size": size, "track_total_hits": True}
        if begins is not None:
            query["search_after"] = [begins - 1]
        hits = search(client, target, query, _FILTER_PATH).hits
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
    """Whether a checkpoint is of a pipeline, or of a log that is none of this package's, which is to be said."""
    log = Log.of(note.text.partition("\n")[0])
    return log is None or log.folder.partition("/")[0] == pipeline
