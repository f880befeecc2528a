"""What the stand-in for Elasticsearch and OpenSearch stores, and what it refuses."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FIELD_LIMIT = 1000
_MOST_LEVELS = 20
_MOST_TERM_BYTES = 32_766
_OPAQUE = {"elasticsearch": "flattened", "opensearch": "flat_object"}
_TYPES = frozenset({"keyword", "text", "date", "ip", "long", "double", "boolean", "object", "constant_keyword"})
_METADATA = frozenset(
    {"_id", "_index", "_type", "_source", "_size", "_routing", "_field_names", "_ignored", "_ignored_source"}
    | {"_nested_path", "_seq_no", "_version", "_primary_term", "_doc_count", "_tier", "_tsid"}
)
_STOCK = "logs-*-*"
# What a date field reads unless its mapping says otherwise: strict_date_optional_time or epoch_millis.
_DATE = re.compile(
    r"-?\d+(\.\d+)?|\d{4}(-\d\d(-\d\d(T(\d\d(:\d\d(:\d\d([.,]\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?)?)?)?"
)
_UNFIT = "document_parsing_exception"
_KEYS = frozenset({"index_patterns", "priority", "version", "data_stream", "_meta", "template", "composed_of"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not accepted, in the product's terms."""

    status: int
    kind: str
    reason: str

    def told(self) -> dict[str, Any]:
        """Return what an item of the answer says about it."""
        return {"status": self.status, "error": {"type": self.kind, "reason": self.reason}}


class RefusalError(Exception):
    """An item is not accepted."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class DocumentError(RefusalError):
    """A document does not fit. A failure store accepts documents that are refused for this reason only."""


class Index:
    """An index, or a data stream with its backing indexes: ids are known in the current backing index only.

    :param template: the ``settings`` and ``mappings`` of its template. :param product: the product that it belongs to.
    :ivar is_read_only: a user has blocked writes. :ivar is_full: the product has blocked writes, for lack of space.
    """

    def __init__(
        self,
        name: str,
        *,
        is_stream: bool,
        template: Mapping[str, Any] | None = None,
        product: str = "elasticsearch",
    ) -> None:
        self.name = name
        self._product = product
        self.is_stream = is_stream
        self.is_read_only = False
        self.is_full = False
        self._mappings = (template or {}).get("mappings", {})
        self._ignores_malformed = (template or {}).get("settings", {}).get("index.mapping.ignore_malformed", False)
        self._generations: list[dict[str, Document]] = [{}]
        self._fields: dict[str, str] = {}

    @classmethod
    def by_template(cls, name: str, templates: Iterable[Mapping[str, Any]], product: str) -> Index:
        """Return a new index as the template of highest priority says; Elasticsearch has one of its own for logs."""
        stock = {"index_patterns": [_STOCK], "priority": 100, "data_stream": {}}
        known = [*templates, *([stock] if product == "elasticsearch" else [])]
        fitting = [each for each in known if any(fnmatchcase(name, pattern) for pattern in each["index_patterns"])]
        if not fitting:
            return cls(name, is_stream=False, product=product)
        best = max(fitting, key=lambda each: int(each.get("priority", 0)))
        return cls(name, is_stream="data_stream" in best, template=best.get("template"), product=product)

    @property
    def write_name(self) -> str:
        """The index that is written to."""
        return f".ds-{self.name}-2026.03.01-{len(self._generations):06d}" if self.is_stream else self.name

    def roll_over(self) -> None:
        """Begin another backing index, which does not know the ids of the one before."""
        self._generations.append({})
        self._fields = {}

    def documents(self) -> Iterator[Document]:
        """Yield every document."""
        for generation in self._generations:
            yield from generation.values()

    def entries(self) -> Iterator[tuple[str, str, Document]]:
        """Yield the backing index, the id and the content of every document."""
        for number, generation in enumerate(self._generations, 1):
            index = f".ds-{self.name}-2026.03.01-{number:06d}" if self.is_stream else self.name
            for name, document in list(generation.items()):
                yield index, name, document

    def create(self, name: str | None, text: str, *, replace: bool = False) -> str:
        """Store a document under a new id, and return the id.

        :param replace: the id may exist already.

        :raises RefusalError: the id exists already, or is empty. :raises DocumentError: the document does not fit.
        """
        if name == "":
            raise RefusalError(Refusal(400, "illegal_argument_exception", "if _id is specified it must not be empty"))
        written = self._generations[-1]
        if name is not None and name in written and not replace:
            raise RefusalError(
                Refusal(
                    409, "version_conflict_engine_exception", f"[{name}]: version conflict, document already exists"
                )
            )
        try:
            document = _parsed(text)
            self._fit(document)
        except DocumentError as error:
            raise self._as_product(error) from None
        name = uuid.uuid4().hex if name is None else name
        written[name] = document
        return name

    def _as_product(self, error: DocumentError) -> DocumentError:
        """Return the error with the name that the product uses for it."""
        if self._product == "opensearch" and error.refusal.kind == _UNFIT:
            return DocumentError(replace(error.refusal, kind="mapper_parsing_exception"))
        return error

    def _fit(self, document: dict[str, Any]) -> None:
        if self.is_stream and "@timestamp" not in document:
            raise _unfit("data stream timestamp field [@timestamp] is missing")
        if "@timestamp" in document and not _takes("date", document["@timestamp"]):
            raise _unfit("failed to parse field [@timestamp] of type [date]")
        ignores = self._ignores_malformed and self._product == "opensearch"
        taken = sorted(_METADATA.intersection(document))
        if taken and not ignores:
            raise _unfit(f"Field [{taken[0]}] is a metadata field and cannot be added inside a document.")
        met = dict(self._fields)
        for path, value in _leaves(document, set(self._opaque())):
            kind = _kind(value)
            if path in self._opaque():
                if kind != "object" and not ignores:
                    raise _unfit(f"failed to parse field [{path}] of type [flattened]")
                if self._product == "opensearch":
                    _refuse_immense(path, value)
                continue
            _refuse_name(path)
            if path.count(".") + (kind == "object") > _MOST_LEVELS:
                reason = f"The depth of the field has exceeded the allowed limit of [{_MOST_LEVELS}]"
                raise _unfit(reason) if self._product == "opensearch" else _illegal(reason)
            known = met.setdefault(path, self._mapped(path) or self._by_rule(path, value) or kind)
            if kind == "object" and known != "object" and ignores:
                continue
            if (known == "object") != (kind == "object"):
                raise _unfit(f"object mapping for [{path}] tried to parse field as object, but found a concrete value")
            if not _takes(known, value) and not self._ignores_malformed:
                raise _unfit(f"failed to parse field [{path}] of type [{known}]")
        if len(met) > FIELD_LIMIT:
            raise _illegal(f"Limit of total fields [{FIELD_LIMIT}] has been exceeded while adding new fields")
        self._fields = met

    def _opaque(self) -> list[str]:
        properties = self._mappings.get("properties", {})
        return [name for name, each in properties.items() if each.get("type") in _OPAQUE.values()]

    def _mapped(self, path: str) -> str | None:
        place: Any = {"properties": self._mappings.get("properties", {})}
        for key in path.split("."):
            place = place.get("properties", {}).get(key)
            if place is None:
                return None
        return str(place.get("type", "object"))

    def _by_rule(self, path: str, value: Any) -> str | None:
        """Return the type that the first fitting rule gives to a new field."""
        for rule in self._mappings.get("dynamic_templates", []):
            for each in rule.values():
                if isinstance(value, str) and fnmatchcase(path, each.get("path_match", "*")):
                    return str(each["mapping"]["type"])
        return None


def refuse_template(template: Any, product: str, others: Iterable[Mapping[str, Any]]) -> Refusal | None:
    """Return why a product does not accept an index template, or None.

    :param others: templates under other names.
    """
    if not isinstance(template, dict) or not template.get("index_patterns"):
        return Refusal(400, "action_request_validation_exception", "index patterns are missing")
    if set(template) - _KEYS:
        return Refusal(400, "x_content_parse_exception", f"unknown field [{sorted(set(template) - _KEYS)[0]}]")
    for other in others:
        if set(other["index_patterns"]) & set(template["index_patterns"]) and other.get("priority") == template.get(
            "priority"
        ):
            return Refusal(400, "illegal_argument_exception", "index template has the patterns and priority of another")
    for name, kind, parameters in _mapped_types(template.get("template", {}).get("mappings", {})):
        if kind not in (*_TYPES, _OPAQUE[product]):
            return Refusal(400, "mapper_parsing_exception", f"No handler for type [{kind}] declared on field [{name}]")
        if kind == "flat_object" and parameters:
            reason = f"Mapping definition for [{name}] has unsupported parameters: {sorted(parameters)}"
            return Refusal(400, "mapper_parsing_exception", reason)
    return None


def _mapped_types(mappings: Mapping[str, Any]) -> Iterator[tuple[str, str, set[str]]]:
    for name, each in mappings.get("properties", {}).items():
        yield name, each.get("type", "object"), set(each) - {"type", "properties"}
        yield from _mapped_types(each)
    for rule in mappings.get("dynamic_templates", []):
        for name, each in rule.items():
            yield name, each["mapping"]["type"], set(each["mapping"]) - {"type"}


class Document(dict[str, Any]):
    """A document. :ivar text: as it was written."""

    text = ""


def _parsed(text: str) -> Document:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise _unfit(f"failed to parse: {error}") from None
    if not isinstance(document, dict):
        raise _unfit("a document is an object")
    parsed = Document(document)
    parsed.text = text
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("Duplicate field")
    return dict(pairs)


def _leaves(value: Any, opaque: set[str], path: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yield every path and its value, including objects; dots in names lead into objects, and lists add no level."""
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each, opaque, path)
        return
    if path is not None and value is not None:
        yield path, value
    if isinstance(value, dict) and path not in opaque:
        for key, each in value.items():
            yield from _leaves(each, opaque, key if path is None else f"{path}.{key}")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "object"
    if isinstance(value, bool):
        return "boolean"
    return "long" if isinstance(value, int) else "double" if isinstance(value, float) else "keyword"


def _takes(kind: str, value: Any) -> bool:
    """Whether a field of a type accepts a value."""
    text = value if isinstance(value, str) else json.dumps(value)
    if kind in ("long", "double"):
        return re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", text) is not None
    if kind == "boolean":
        return text in ("true", "false")
    if kind == "date":
        return _DATE.fullmatch(text) is not None
    if kind == "ip":
        try:
            ip_address(text)
        except ValueError:
            return False
    return True


def _refuse_name(path: str) -> None:
    """Refuse a field's name that cannot lead into objects.

    :raises DocumentError: it is one.
    """
    if not path:
        raise _unfit("field name cannot be an empty string")
    if any(not part.strip() for part in path.split(".")):
        raise _unfit(f"object field starting or ending with a [.] makes object resolution ambiguous: [{path}]")


def _refuse_immense(path: str, value: Any) -> None:
    """Refuse a text that is too long for a term: a ``flat_object`` indexes every value.

    :raises DocumentError: there is one.
    """
    if isinstance(value, dict):
        for each in value.values():
            _refuse_immense(path, each)
    elif isinstance(value, list):
        for each in value:
            _refuse_immense(path, each)
    elif isinstance(value, str) and len(value.encode(errors="surrogatepass")) > _MOST_TERM_BYTES:
        raise _illegal(f'Document contains at least one immense term in field="{path}._value"')


def _unfit(reason: str) -> DocumentError:
    return DocumentError(Refusal(400, _UNFIT, reason))


def _illegal(reason: str) -> DocumentError:
    return DocumentError(Refusal(400, "illegal_argument_exception", reason))
