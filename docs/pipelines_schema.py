"""The JSON schema of a pipelines file, for editors: generated from the classes that the loader uses."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from audit_provider.core import delivery, pipeline
from audit_provider.core.destinations.registry import REGISTRY as DESTINATIONS
from audit_provider.core.formats import FORMATS
from audit_provider.core.monitoring.settings import Monitoring, Notification
from audit_provider.core.records.selection import Redaction
from audit_provider.core.sources import REGISTRY as SOURCES
from audit_provider.core.sources import SourceSpec, inline
from audit_provider.core.sources.reading.reconciliation import Reconcile
from audit_provider.core.sources.spec import Setting
from audit_provider.core.text.validation import PRESETS
from audit_provider.core.wire.budget import MOST_WINDOWS_AT_ONCE
from audit_provider.core.wire.rate_limit import RateLimit

_NAMES = {"pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"}
_CRON = r"^\s*\S+(\s+\S+){4,6}\s*$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*([Zz]|[+-]\d{2}(:?\d{2})?)?)?$"
_TEXTS = {"type": ["string", "integer"]}
_SETTING = {"anyOf": [{**_TEXTS}, {"type": "array", "minItems": 1, "items": _TEXTS}]}
_ABOVE_NOTHING = {"exclusiveMinimum": 0}
_LEAST_ONE = {"minimum": 1}


class _Written(GenerateJsonSchema):
    """Spans of time as people write them."""

    def timedelta_schema(self, schema: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^-?P"}], "description": "seconds"}


def schema(meanings: Any) -> str:
    """Return the schema as text.

    :param meanings: returns what a class's docstring says of each of its keys.
    """
    made = _Schema(meanings)
    root = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pipelines of audit_provider",
        "description": "Sources, and the destinations of their events.",
        "type": "object",
        "propertyNames": _NAMES,
        "additionalProperties": made.pipeline(),
    }
    return json.dumps({**root, "$defs": made.definitions}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class _Schema:
    def __init__(self, meanings: Any) -> None:
        self._meanings = meanings
        self.definitions: dict[str, Any] = {}

    def pipeline(self) -> dict[str, Any]:
        """Return the reference to one pipeline."""
        made = self._object(pipeline._PipelineEntry, meant=pipeline.Pipeline)
        keys = made["properties"]
        keys["source"] |= {"anyOf": [{"enum": sorted(SOURCES)}, self._source()]}
        keys["destinations"] |= {
            "type": "object",
            "minProperties": 1,
            "propertyNames": _NAMES,
            "additionalProperties": self._delivery(),
        }
        keys["destinations"]["description"] = "Destinations, by names of your choice."
        keys["settings"] |= {"additionalProperties": _SETTING}
        _set(keys["schedule"], {"anyOf": [{"type": "null"}, {"enum": list(PRESETS)}, {"pattern": _CRON}]})
        _set(keys["start"], {"anyOf": [{"type": "null"}, {"type": "string", "pattern": _MOMENT}]})
        _set(keys["reconcile"], {"anyOf": [{"type": "boolean"}, self._object(Reconcile)]})
        _set(keys["monitoring"], {"anyOf": [{"type": "boolean"}, self._monitoring()]})
        keys["page_size"] = {"description": keys["page_size"]["description"], "type": ["integer", "null"], **_LEAST_ONE}
        for key, most in pipeline._MOST.items():
            keys[key] |= {**_LEAST_ONE, "maximum": most}
        keys["backfill_share"] |= {**_ABOVE_NOTHING, "maximum": 1}
        keys["backfill_windows"] |= {"minimum": 1, "maximum": MOST_WINDOWS_AT_ONCE}
        keys["rate_limit"] |= self._part(RateLimit)
        made["allOf"] = [self._of_source(name, spec) for name, spec in SOURCES.items()]
        return self._named("pipeline", made)

    def _of_source(self, name: str, spec: SourceSpec) -> dict[str, Any]:
        """Return what holds for a pipeline of one source: its settings, its strategy's, its page size."""
        known = [key for key, setting in spec.settings.items() if not setting.secret]
        meant = {key: {**_SETTING, "description": spec.settings[key].meaning} for key in known}
        keys: dict[str, Any] = {
            "reading": self._strategy(type(spec.reading)),
            "settings": {"properties": meant, "additionalProperties": False},
            "page_size": {"maximum": spec.page_size.most} if spec.page_size else {"type": "null"},
        }
        return {
            "if": {"properties": {"source": {"const": name}}, "required": ["source"]},
            "then": {"properties": keys},
        }

    def _strategy(self, kind: type) -> dict[str, Any]:
        name = next(name for name, each in inline.TYPES["reading"].items() if each is kind)
        return self._named(f"reading_{name}", self._part(kind))

    def _delivery(self) -> dict[str, Any]:
        common = self._object(delivery._DeliveryEntry, meant=delivery.Delivery)["properties"]
        common["except"] = common.pop("omit")
        common["except"]["description"] = "Actions to leave out, or patterns with `*`."
        common["format"] |= {"enum": ["", *FORMATS]}
        common["concurrency"] |= {"minimum": 1, "maximum": delivery.MOST_CONCURRENCY}
        common["redact"] |= self._object(Redaction)
        common["type"] |= {"enum": list(DESTINATIONS)}
        made: dict[str, Any] = {"type": "object", "required": ["type"], "properties": {"type": common["type"]}}
        made["allOf"] = []
        for name, options in DESTINATIONS.items():
            own = self._object(options)
            own["properties"] = {**common, **own["properties"], "type": {"const": name}}
            made["allOf"].append(
                {
                    "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                    "then": self._named(f"destination_{name}", own),
                }
            )
        return self._named("destination", made)

    def _monitoring(self) -> dict[str, Any]:
        made = self._object(Monitoring)
        told = self._object(Notification)
        del told["properties"]["arguments"]
        told["additionalProperties"] = True
        made["properties"]["notify"] |= {"items": told}
        return made

    def _source(self) -> dict[str, Any]:
        """Return a source written in the file: from nothing, or like another with some keys changed."""
        hints = get_type_hints(SourceSpec)
        needed = [
            each.name
            for each in dataclasses.fields(SourceSpec)
            if each.default is each.default_factory and each.name not in ("name", "title", "docs")
        ]
        keys = {each.name: self._source_key(each.name, hints[each.name]) for each in dataclasses.fields(SourceSpec)}
        for name, meaning in self._meanings(SourceSpec).items():
            keys[name] = {**keys[name], "description": meaning}
        recovery = {"type": ["object", "null"], "propertyNames": {"enum": sorted(keys)}}
        keys["recovery"] = {**recovery, "description": keys["recovery"].get("description", "")}
        whole = {"type": "object", "required": needed, "properties": keys, "additionalProperties": False}
        # Of what is like another, any part may be left out, however deep it stands.
        changed = _in_part({**whole, "properties": {"like": {"enum": sorted(SOURCES)}, **keys}})
        changed["required"] = ["like"]
        return {
            "if": {"required": ["like"]},
            "then": self._named("source_like_another", changed),
            "else": self._named("source", whole),
        }

    def _source_key(self, key: str, hint: Any) -> dict[str, Any]:
        if key in inline.TYPES:
            return self._typed(inline.TYPES[key])
        if key in inline._VALUES:
            return _or_null(self._object(inline._VALUES[key]))
        if key == "settings":
            return {"additionalProperties": {"anyOf": [{"type": "string"}, self._object(Setting)]}, "type": "object"}
        if key == "recovery":
            return {}
        return self._plain(hint)

    def _typed(self, kinds: dict[str, type]) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "object", "required": ["type"], "properties": {"type": {"enum": list(kinds)}}}
        made["allOf"] = []
        for name, kind in kinds.items():
            own = self._object(kind)
            own["properties"]["type"] = {"const": name}
            made["allOf"].append({"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": own})
        return made

    def _part(self, kind: type) -> dict[str, Any]:
        """Return a class's keys where each may be left out."""
        return _in_part(self._object(kind))

    def _object(self, kind: Any, *, meant: Any = None) -> dict[str, Any]:
        """Return a class's keys, each with its meaning. :param meant: the class whose docstring tells it."""
        made = self._plain(kind)
        made["additionalProperties"] = False
        made.pop("title", None)
        made.pop("description", None)
        said = self._meanings(meant or kind)
        for name, key in made["properties"].items():
            key.pop("title", None)
            if "$ref" in key:
                made["properties"][name] = {"allOf": [key]}
            if name in said:
                made["properties"][name]["description"] = said[name]
        return made

    def _plain(self, hint: Any) -> dict[str, Any]:
        """Return pydantic's schema of a type, with what it refers to written in its place."""
        found = TypeAdapter(hint).json_schema(schema_generator=_Written)
        inner = found.pop("$defs", {})
        for each in (found, *inner.values()):
            each.pop("description", None)  # some versions of pydantic put a class's docstring there
        written: dict[str, Any] = _filled(found, inner)
        return written

    def _named(self, name: str, made: dict[str, Any]) -> dict[str, Any]:
        self.definitions[name] = made
        return {"$ref": f"#/$defs/{name}"}


def _filled(content: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(content, list):
        return [_filled(each, definitions) for each in content]
    if not isinstance(content, dict):
        return content
    if "$ref" in content:
        rest = {key: value for key, value in content.items() if key != "$ref"}
        return {**_filled(definitions[content["$ref"].rpartition("/")[2]], definitions), **rest}
    # A default is what the page of keys says; here it would only be the text of a Python value.
    return {key: _filled(value, definitions) for key, value in content.items() if key != "default"}


def _set(key: dict[str, Any], made: dict[str, Any]) -> None:
    meaning = key.get("description")
    key.clear()
    key |= made
    if meaning:
        key["description"] = meaning


def _or_null(made: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, made]}


def _in_part(content: Any) -> Any:
    """Return a schema that requires no key, save in conditions."""
    if isinstance(content, list):
        return [_in_part(each) for each in content]
    if not isinstance(content, dict):
        return content
    return {
        key: value if key == "if" else _in_part(value)
        for key, value in content.items()
        if key != "required" or not isinstance(value, list)
    }
