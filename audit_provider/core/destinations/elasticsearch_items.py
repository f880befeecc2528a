"""Judge the answer of ``_bulk`` event by event: its status is 200 even if every event was refused.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
https://www.elastic.co/docs/manage-data/data-store/data-streams/failure-store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.destinations.base import Outcome, Verdict
from audit_provider.core.errors import ConfigurationError, CredentialError, ProtocolError, StopError
from audit_provider.core.wire.later import means_later

if TYPE_CHECKING:
    from audit_provider.core.wire.http import Answer, HttpClient

FILTER_PATH = "errors,items.*.status,items.*.error,items.*._index,items.*.failure_store"
"""The parts of the answer that are requested: those that :func:`judge_items` reads."""

BLOCKED = "cluster_block_exception"

_FREE_SPACE = "Free space on the cluster: it then lifts the block by itself."
_MOST_WORDS = 300
_FAILURE_STORE = ".fs-"
# These 400s are not about the event: the target or the cluster cannot accept any event now.
_TARGET_FAULTS = frozenset(
    {
        "index_closed_exception",
        "invalid_index_name_exception",
        "invalid_alias_name_exception",
        "validation_exception",  # no more shards may be opened
    }
)
# An error may quote a document anywhere, but an error of this type never begins with it.
_ARGUMENT = "illegal_argument_exception"
_NO_IDS = "Document ID is not supported"
_TARGET_WORDS = ("no write index is defined", "pipeline with id [", _NO_IDS)
_CREATED = frozenset({200, 201})
_PASSING = frozenset({"resource_already_exists_exception"})  # two writers created the stream at the same time


class _Item(msgspec.Struct, gc=False):
    status: int
    error: Any = None
    index: str = msgspec.field(default="", name="_index")
    failure_store: str = ""

    @property
    def type(self) -> str:
        return str(self.error.get("type", "")) if isinstance(self.error, dict) else ""

    @property
    def is_target_fault(self) -> bool:
        """Whether the target or the cluster is the cause, and not this event."""
        if self.status in (401, 403, 404) or self.type in _TARGET_FAULTS:
            return True
        return self.type == _ARGUMENT and self.reason.startswith(_TARGET_WORDS)

    @property
    def reason(self) -> str:
        """The reason in the outer error."""
        return str(self.error.get("reason", "")) if isinstance(self.error, dict) else ""

    @property
    def words(self) -> str:
        """The store's own message, including that of the cause."""
        if not isinstance(self.error, dict):
            return str(self.error or "")
        cause = self.error.get("caused_by")
        reasons = [self.error, cause] if isinstance(cause, dict) else [self.error]
        return "; ".join(f"{each.get('type', '')}: {each.get('reason', '')}" for each in reasons)


class _Done(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    create: _Item


class _Reply(msgspec.Struct):
    errors: bool
    items: list[_Done]


_decode = msgspec.json.Decoder(_Reply).decode


def judge_items(
    answer: Answer, count: int, client: HttpClient, target: str, *, accept_failure_store: bool
) -> tuple[Outcome, int]:
    """Return what became of ``count`` events, and how many of them went into the failure store.

    :param target: the index or stream, for messages.
    :param accept_failure_store: whether events in the failure store count as delivered; otherwise they are refused.
    :raises StopError: the target refuses the sender, and stored nothing.
    :raises ProtocolError: the answer does not match the request, so nothing can be concluded from it.
    """
    items = _items(answer, count)
    if all(item.status in _CREATED and not _is_diverted(item) for item in items):
        return Outcome.all(Verdict.DELIVERED, count), 0
    verdicts: list[Verdict] = []
    reasons: dict[int, str] = {}
    held: _Item | None = None
    diverted = 0
    for place, item in enumerate(items):
        if item.status in _CREATED:
            verdict = Verdict.DELIVERED
            is_diverted = _is_diverted(item)
            diverted += is_diverted
            if is_diverted and not accept_failure_store:
                verdict = Verdict.REFUSED
                reasons[place] = f"{answer.where} kept it in the failure store {item.index}, not in {target}"
        else:
            known = _verdict(item)
            held = held or (item if known is None else None)
            verdict = known or Verdict.RETRY
            if verdict in (Verdict.RETRY, Verdict.REFUSED):
                reasons[place] = _said(answer, client, item)
        verdicts.append(verdict)
    if held is not None and all(verdict is Verdict.RETRY for verdict in verdicts):
        raise _refusal(held, _said(answer, client, held), target)
    # The held events are sent again at once and alone, so that the error that follows affects only them.
    wait = 0.0 if held is not None else client.wait_asked(answer)
    said = next(iter(reasons.values()), f"{diverted} of {count} are in its failure store" if diverted else "")
    return Outcome(tuple(verdicts), said, wait, reasons=reasons), diverted


def _items(answer: Answer, count: int) -> list[_Item]:
    try:
        reply = answer.decoded(_decode)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"{answer.where} answered 200, but not as _bulk does ({error}): check the host; everything is kept."
        ) from None
    if len(reply.items) != count:
        raise ProtocolError(
            f"{answer.where} answered for {len(reply.items)} of {count} events: check proxies in between; "
            f"everything is kept."
        )
    return [each.create for each in reply.items]


def _is_diverted(item: _Item) -> bool:
    return item.failure_store == "used" or item.index.startswith(_FAILURE_STORE)


def _verdict(item: _Item) -> Verdict | None:
    """Return the verdict on an item; None if the problem is the target and not an event."""
    status, kind = item.status, item.type
    if status == 409:
        # Another kind of conflict does not say that this event is stored.
        return Verdict.ALREADY_THERE if kind == "version_conflict_engine_exception" else Verdict.RETRY
    if means_later(status) or kind in _PASSING:
        return Verdict.RETRY
    if item.is_target_fault:
        return None
    return Verdict.REFUSED if status in (400, 413, 422) else None


def _said(answer: Answer, client: HttpClient, item: _Item) -> str:
    words = client.redact(" ".join(item.words.split()))[:_MOST_WORDS]
    hint = f" {_FREE_SPACE}" if item.type == BLOCKED and means_later(item.status) else ""
    return f"{answer.where} answered {item.status} for this event{f': {words}' if words else ''}{hint}"


def _refusal(item: _Item, said: str, target: str) -> StopError:
    if item.type == BLOCKED:
        return blocked(said, target)
    if item.status in (401, 403):
        return CredentialError(
            f"{said}: give the credential 'create_doc' on {target}, and 'auto_configure' if it does not exist yet; "
            "everything is kept."
        )
    if item.reason.startswith(_NO_IDS):
        return ConfigurationError(
            f"{said}: {target} does not support document ids, set 'document_id: none' in the pipelines file; "
            "everything is kept."
        )
    if item.status in (400, 404):
        return ConfigurationError(
            f"{said}: {target} cannot be written to, create it or set 'target' in the pipelines file; everything is "
            "kept."
        )
    return ProtocolError(f"{said}, which is not a known answer of _bulk; everything is kept.")


def blocked(said: str, target: str) -> StopError:
    """Return the error for a write block, for example because of a full disk."""
    return StopError(f"{said}: free space on the cluster, or lift the block on {target}; everything is kept.")
