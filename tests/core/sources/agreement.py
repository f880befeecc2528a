"""Whether a source's description says what the vendor's contract says, where no answer would show a difference.

What an answer shows, such as a wrong path or parameter, the contract suite finds by reading. A page larger than the
vendor allows, a look back further than it keeps, or a path into its errors is met in production only.
"""

from __future__ import annotations

from datetime import timedelta

from audit_provider.core.records.fields import keys_of, value_at
from audit_provider.core.sources import vocabulary as v

STYLES = {
    v.NoPaging: "none",
    v.CursorPaging: "cursor",
    v.NextUrlPaging: "next_url",
    v.LinkPaging: "link",
    v.PagePaging: "page",
    v.OffsetPaging: "offset",
    v.ObjectIdPaging: "object_id",
}
FINEST = {
    "rfc3339": timedelta(seconds=1),
    "rfc3339_hour": timedelta(hours=1),
    "datetime": timedelta(seconds=1),
    "epoch": timedelta(seconds=1),
    "rfc3339_ms": timedelta(milliseconds=1),
    "epoch_ms": timedelta(milliseconds=1),
}
"""How exactly a bound of time is written."""


def disagreements(spec, contract):
    """Return one sentence per difference, each beginning with the key of the description."""
    found = _found(spec, contract, unconfirmed=spec.unconfirmed.keys())
    if spec.recovery and contract.by_time:
        by_time = _found(spec.recovery, contract.by_time, unconfirmed=spec.unconfirmed.keys())
        found += [f"recovery.{each}" for each in by_time if each not in found]
    return found


def _found(spec, contract, *, unconfirmed):
    found = [*_sizes(spec, contract), *_reach(spec, contract), *_errors(spec, contract, unconfirmed)]
    return [*found, *_paths(spec, contract), *_order_and_bounds(spec, contract)]


def _sizes(spec, contract):
    calls = [each for each in (contract.request, contract.follow) if each]
    sizes = {name: each for call in calls for name, each in call.named.items() if each.role == "size"}
    asked = {**spec.request.params, **_leaves(spec.request.body or {})}
    for name, documented in sizes.items():
        size = asked.get(name)
        if isinstance(size, int) and size > documented.most:
            yield f"request: asks for pages of {size}, {name!r} takes {documented.most} at most"
        if spec.page_size and isinstance(size, int) and size > spec.page_size.most:
            yield f"request: asks for pages of {size}, page_size.most says {spec.page_size.most}"
    if spec.page_size is None:
        return
    known = {keys_of(name)[-1]: each for name, each in sizes.items()} | sizes
    if spec.page_size.key not in known:
        yield f"page_size.key: the contract has no parameter {spec.page_size.key!r} with the role 'size'"
    elif spec.page_size.most > known[spec.page_size.key].most:
        yield f"page_size.most: is {spec.page_size.most}, the vendor takes {known[spec.page_size.key].most} at most"


def _leaves(body, path=""):
    found = {}
    for key, value in body.items():
        here = f"{path}.{key}" if path else key
        found |= _leaves(value, here) if isinstance(value, dict) else {here: value}
    return found


def _reach(spec, contract):
    if contract.lookback and (spec.lookback is None or spec.lookback > timedelta(days=contract.lookback)):
        yield f"lookback: is {spec.lookback}, the vendor refuses a start of more than {contract.lookback} days ago"
    if contract.rate:
        requests, per = contract.rate
        limit = spec.rate_limit
        if limit.requests / limit.per > requests / per or limit.requests > requests:
            yield f"rate_limit: is {limit.requests} in {limit.per:g} s, the vendor allows {requests} in {per:g} s"


def _errors(spec, contract, unconfirmed):
    errors, slow_down = spec.errors, contract.slow_down
    shown = [body for body in (contract.refusal.get("body"), slow_down.get("body")) if body]
    for key in ("message_at", "code_at"):
        path = getattr(errors, key)
        found = any(value_at(body, path) not in (None, "") for body in shown)
        if path and not found and (shown or not {"errors", f"errors.{key}"} & unconfirmed):
            yield f"errors.{key}: no answer of the contract has anything at {path!r}"
    if slow_down["status"] not in (429, 403):
        code = str(value_at(slow_down.get("body"), errors.code_at)) if errors.code_at else ""
        if code not in errors.slow_codes:
            yield f"errors.slow_codes: lack {code!r}, by which the contract says 'too many requests'"


def _paths(spec, contract):
    for key, ours, theirs in (
        ("records_at", spec.records_at, contract.records_at),
        ("fields.id", spec.fields.id, contract.id_at),
    ):
        if ours != theirs:
            yield f"{key}: is {ours!r}, the contract has {theirs!r}"
    times = {spec.fields.recorded, *(each.strip() for each in spec.fields.time.split("|"))}
    if contract.time_at not in times:
        yield f"fields.time: is {spec.fields.time!r}, the contract sorts and filters by {contract.time_at!r}"
    style = STYLES[type(spec.paging)]
    if style != contract.paging.style:
        yield f"paging: is of type {style!r}, the contract's of style {contract.paging.style!r}"
        return
    pairs = [("more_at", "more_at"), ("total_at", "total_at"), ("next_at", "next_at"), ("first", "first")]
    pairs += [("cursor_at", "at"), ("results", "results"), ("ends_when_empty", "tail")]
    for mine, its in pairs:
        if not (hasattr(spec.paging, mine) and hasattr(contract.paging, its)):
            continue
        ours, theirs = getattr(spec.paging, mine), getattr(contract.paging, its)
        if mine == "ends_when_empty" and (ours or getattr(contract.paging, "more_at", "")):
            continue  # a flag tells the end, and an empty page may
        if mine in ("more_at", "total_at") and not ours:
            continue  # another sign of the end is enough
        if ours != theirs:
            yield f"paging.{mine}: is {ours!r}, the contract has {theirs!r}"
    call = contract.follow or contract.request
    if hasattr(spec.paging, "param") and spec.paging.param != call.cursor_name:
        yield f"paging.param: is {spec.paging.param!r}, the contract's cursor is {call.cursor_name!r}"


def _order_and_bounds(spec, contract):
    reading = spec.reading
    if isinstance(reading, v.IdKeyset) and contract.order != "oldest":
        yield f"reading: id_keyset reads what is oldest first, the contract's order is {contract.order!r}"
    if isinstance(reading, v.SinceScan | v.HeadScan) and contract.order == "oldest":
        yield "reading: reads from the newest end, the contract's order is 'oldest'"
    if isinstance(reading, v.ClosedWindows) and "exclusive" in contract.bounds:
        finest = FINEST.get(spec.times, timedelta(days=1))
        if reading.grain < finest:
            yield f"reading.grain: is {reading.grain}, but a bound is exclusive: a record of that very time is missed"
    if isinstance(reading, v.SinceScan) and contract.bounds[0] == "exclusive" and not reading.overlap:
        yield "reading.overlap: is 0, but the start is exclusive: a record of that very time is missed"
