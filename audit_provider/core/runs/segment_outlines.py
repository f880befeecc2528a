"""What the segments of a chain hold, by the index that the ledger proves, and by the manifests behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_provider.core.ledger import tree_record
from audit_provider.core.spool.id_index import IdIndex, IndexHead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_provider.core.ledger import Ledger
    from audit_provider.core.open_stream import OpenStream
    from audit_provider.core.spool import Store, Stream
    from audit_provider.core.spool.id_index import Span
    from audit_provider.core.spool.manifests import Look, Outline


def outlines_of(
    ledger: Ledger, store: Store, stream: Stream, known: OpenStream | None, span: Span, look: Look, name: str = ""
) -> Iterator[Outline]:
    """Yield the outlines of the segments of a chain that may hold what is wanted, the newest first.

    :param known: the chain as the ledger has it; None where no record leads to it, and its newest manifest counts.
    :param span: and :param look: say by the times of segments and by the text of a manifest whether they may hold it.
    :param name: an id that is wanted, which ``look`` looks for as well; "" for none.
    :raises AuditError: the spool or a record cannot be read, or a manifest is not what was written.
    """
    head = known.head if known else None
    index = _index_of(ledger, known) if known else IndexHead()
    indexed: list[Outline] | None = None
    if known and index.last:
        indexed = IdIndex(store, known.name.folder, known.chain).search(index, stream.oldest(), span, name)
    behind = stream.outlines(head, look, index.last if indexed is not None else 0)
    if known and indexed is not None and _begins_at(behind, known) != index.digest:
        indexed, behind = None, stream.outlines(head, look)
    for each in behind:
        if each.holds and span(each.first_time, each.last_time, each.written_at):
            yield each
    yield from indexed or ()


def _begins_at(outlines: list[Outline], known: OpenStream) -> str:
    """Return the digest of the manifest that the oldest of some outlines follows; the head's where there are none."""
    return outlines[-1].previous.digest if outlines else known.head.digest


def _index_of(ledger: Ledger, known: OpenStream) -> IndexHead:
    """Return the index of a chain's ids that the ledger proves."""
    tree = tree_record(ledger, known.name).load()
    return tree.index if tree and tree.chain == known.chain and tree.index.last <= known.head.number else IndexHead()
