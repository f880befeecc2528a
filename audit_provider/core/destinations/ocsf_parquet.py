"""OCSF documents as Parquet: one schema per event class, the same for every object.

Values without a column in the schema are put into ``unmapped`` under their dotted path, so nothing of a document is
lost and no column changes its type. https://docs.aws.amazon.com/security-lake/latest/userguide/custom-sources.html
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE_BYTES = 1_000_000
_ROWS_AT_ONCE = 1024

# Types of columns. A list with one type is an array of that type, a mapping is a struct.
_INT, _LONG, _BOOL, _TEXT, _MAP = "integer", "long", "boolean", "text", "map of texts"
_WIDTH = {_INT: 2**31, _LONG: 2**63}


def _texts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), _TEXT)


_ORGANIZATION = _texts("name uid ou_name ou_uid")
_FEATURE = _texts("name uid version")
_PRODUCT = {**_texts("name vendor_name uid version lang path url_string"), "feature": _FEATURE}
_METADATA = {
    **_texts("version uid log_name log_provider log_version event_code correlation_uid tenant_uid original_time"),
    "product": _PRODUCT,
    "profiles": [_TEXT],
    "labels": [_TEXT],
    "logged_time": _LONG,
    "processed_time": _LONG,
    "modified_time": _LONG,
    "sequence": _INT,
}
_ACCOUNT = {**_texts("name uid type"), "type_id": _INT}
_GROUP = {**_texts("name uid type desc domain"), "privileges": [_TEXT]}
_POLICY = {**_texts("name uid desc version"), "group": _GROUP}
_USER = {
    **_texts("name uid uid_alt full_name email_addr domain type credential_uid"),
    "type_id": _INT,
    "account": _ACCOUNT,
    "groups": [_GROUP],
    "org": _ORGANIZATION,
}
_SESSION = {
    **_texts("uid uid_alt issuer"),
    "created_time": _LONG,
    "expiration_time": _LONG,
    "is_mfa": _BOOL,
    "is_remote": _BOOL,
}
_SERVICE = {**_texts("name uid version"), "labels": [_TEXT]}
_ACTOR = {**_texts("app_name app_uid invoked_by"), "user": _USER, "session": _SESSION}
_ENDPOINT = {
    **_texts("ip hostname name uid domain svc_name mac instance_uid type"),
    "port": _INT,
    "type_id": _INT,
    "location": _texts("city country region desc"),
}
_DEVICE = {**_texts("name uid hostname ip domain type"), "type_id": _INT}
_HTTP_REQUEST = {
    **_texts("user_agent http_method referrer uid version"),
    "url": _texts("url_string hostname path scheme query_string"),
    "x_forwarded_for": [_TEXT],
}
_ENTITY = {
    **_texts("name uid type version data"),
    "type_id": _INT,
    "user": _USER,
    "group": _GROUP,
    "org": _ORGANIZATION,
    "policy": _POLICY,
    "device": _DEVICE,
}
_RESOURCE = {**_texts("name uid type version data namespace"), "labels": [_TEXT], "owner": _USER, "group": _GROUP}
_API = {
    **_texts("operation version"),
    "group": _GROUP,
    "service": _SERVICE,
    "request": {**_texts("uid"), "flags": [_TEXT]},
    "response": {**_texts("error error_message message"), "code": _INT, "flags": [_TEXT]},
}

_EVERY_CLASS: dict[str, Any] = {
    "time": _LONG,
    "class_uid": _INT,
    "class_name": _TEXT,
    "category_uid": _INT,
    "category_name": _TEXT,
    "activity_id": _INT,
    "activity_name": _TEXT,
    "type_uid": _LONG,
    "type_name": _TEXT,
    "severity_id": _INT,
    "severity": _TEXT,
    "status_id": _INT,
    **_texts("status status_code status_detail message"),
    "start_time": _LONG,
    "end_time": _LONG,
    "duration": _LONG,
    "timezone_offset": _INT,
    "count": _INT,
    "metadata": _METADATA,
    "actor": _ACTOR,
    "src_endpoint": _ENDPOINT,
    "http_request": _HTTP_REQUEST,
    "observables": [{**_texts("name type value"), "type_id": _INT}],
    "raw_data": _TEXT,
    "unmapped": _MAP,
}
_ONE_CLASS: dict[int, dict[str, Any]] = {
    3001: {"user": _USER, "user_result": _USER, "policy": _POLICY},
    3002: {
        "user": _USER,
        "service": _SERVICE,
        "session": _SESSION,
        "dst_endpoint": _ENDPOINT,
        **_texts("auth_protocol logon_type"),
        "auth_protocol_id": _INT,
        "logon_type_id": _INT,
        **dict.fromkeys(("is_cleartext", "is_mfa", "is_new_logon", "is_remote"), _BOOL),
    },
    3004: {"entity": _ENTITY, "entity_result": _ENTITY, "comment": _TEXT},
    3005: {"user": _USER, "privileges": [_TEXT], "resource": _RESOURCE},
    3006: {"group": _GROUP, "user": _USER, "privileges": [_TEXT], "resource": _RESOURCE, "subgroup": _GROUP},
    6003: {
        "api": _API,
        "resources": [_RESOURCE],
        "dst_endpoint": _ENDPOINT,
        "cloud": {**_texts("provider region zone"), "account": _ACCOUNT, "org": _ORGANIZATION},
    },
}
"""Columns of each class in addition to those of every class."""


def require_pyarrow() -> Any:
    """Return the module ``pyarrow``.

    :raises ConfigurationError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise ConfigurationError(
            "Parquet objects need pyarrow: install airflow-provider-audit-logs[parquet] on every worker."
        ) from None
    return pyarrow


@cache
def schema_of(class_uid: int) -> Any:
    """Return the schema (``pyarrow.Schema``) of a class's objects; for an unknown class, the columns of every class.

    :raises ConfigurationError: pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    return pyarrow.schema([(name, _type_of(kind, pyarrow)) for name, kind in _columns_of(class_uid).items()])


def parquet_of(lines: Sequence[bytes]) -> bytes:
    """Return OCSF documents of one class as a Parquet file: zstd, one row group, rows in the order given.

    :param lines: each a document as JSON, in order of time.
    :raises ConfigurationError: pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    from pyarrow import parquet

    decode = msgspec.json.Decoder().decode
    schema = schema_of(decode(lines[0])["class_uid"])
    # A few rows at a time, because a document as Python objects takes many times its size.
    batches = [
        pyarrow.RecordBatch.from_pylist([row_of(decode(line)) for line in lines[first : first + _ROWS_AT_ONCE]], schema)
        for first in range(0, len(lines), _ROWS_AT_ONCE)
    ]
    table = pyarrow.Table.from_batches(batches, schema)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(
        table,
        sink,
        compression="zstd",
        row_group_size=len(lines),
        # A page ends only after a whole write batch, so both sizes together keep it below its limit.
        data_page_size=_PAGE_BYTES // 2,
        dictionary_pagesize_limit=_PAGE_BYTES // 2,
        write_batch_size=max(1, min(_ROWS_AT_ONCE, _PAGE_BYTES // 2 // max(map(len, lines)))),
        sorting_columns=[parquet.SortingColumn(table.schema.get_field_index("time"))],
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def row_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as a row of its class's schema; values without a fitting column are in ``unmapped``."""
    left_over: dict[str, str] = {}
    row: dict[str, Any] = {}
    columns = _columns_of(document["class_uid"])
    for name, value in document.items():
        fitted = _fitted(value, columns.get(name), name, left_over)
        if fitted is not None:
            row[name] = fitted
    if left_over:
        unmapped = row.setdefault("unmapped", {})
        for path, text in left_over.items():
            while path in unmapped:
                path += "'"
            unmapped[path] = text
    if "unmapped" in row:
        row["unmapped"] = list(row["unmapped"].items())
    return row


@cache
def _columns_of(class_uid: int) -> dict[str, Any]:
    return _EVERY_CLASS | _ONE_CLASS.get(class_uid, {})


def _fitted(value: Any, kind: Any, path: str, left_over: dict[str, str]) -> Any:
    """Return a value converted for its column, or None; values that do not fit are added to ``left_over`` by path."""
    if value is None:
        return None
    if kind == _TEXT:
        return _text(value)
    if isinstance(value, dict):
        if kind == _MAP:
            return {key: _text(each) for key, each in value.items() if each is not None}
        if isinstance(kind, dict):
            row = {key: _fitted(each, kind.get(key), f"{path}.{key}", left_over) for key, each in value.items()}
            return {key: each for key, each in row.items() if each is not None}
    elif isinstance(value, list):
        if isinstance(kind, list):
            fitted = [_fitted(each, kind[0], f"{path}.{place}", left_over) for place, each in enumerate(value)]
            return [each for each in fitted if each is not None]
    elif isinstance(value, bool):
        if kind == _BOOL:
            return value
    elif isinstance(value, int) and kind in (_INT, _LONG) and -_WIDTH[kind] <= value < _WIDTH[kind]:
        return value
    left_over[path] = _text(value)
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _type_of(kind: Any, pyarrow: Any) -> Any:
    if isinstance(kind, dict):
        return pyarrow.struct([(name, _type_of(each, pyarrow)) for name, each in kind.items()])
    if isinstance(kind, list):
        return pyarrow.list_(_type_of(kind[0], pyarrow))
    if kind == _MAP:
        return pyarrow.map_(pyarrow.string(), pyarrow.string())
    return {_TEXT: pyarrow.string(), _INT: pyarrow.int32(), _LONG: pyarrow.int64(), _BOOL: pyarrow.bool_()}[kind]
