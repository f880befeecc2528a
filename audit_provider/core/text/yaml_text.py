"""Reads YAML text into plain values: with the safe loader, stricter, and with bounded memory and depth."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import yaml

from audit_provider.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    _Constructor = yaml.SafeLoader
else:
    _Constructor = object

MOST_LETTERS = 1_000_000
"""Most characters of a text."""

DEEPEST = 100
"""Most levels of nesting with which the fast loader is used."""

MOST_NODES = 200_000
"""Most values of a text; an alias counts as all values that it stands for."""


@dataclass(frozen=True, slots=True)
class NotText:
    """A key that YAML does not read as a text, such as ``010``, ``on``, ``no`` or ``12:30`` without quotes.

    It is distinct from every text: otherwise, ``1`` and ``"1"`` would be one name, and the second entry would replace
    the first.

    :ivar written: the key as written in the file. :ivar read_as: what YAML reads, in words.
    :ivar converted: the key converted to text, as version 0.1 did with names of pipelines.
    """

    written: str
    read_as: str
    converted: str

    def __str__(self) -> str:
        return self.written

    @property
    def refusal(self) -> str:
        """What is wrong with it, and what to change."""
        return f"YAML reads this key as {self.read_as} and not as text: write it in quotes, as '{self.written}'"


def keys_without_quotes(value: Any, path: str) -> Iterator[tuple[str, NotText]]:
    """Yield the path of each key below ``value`` that is not a text, and the key.

    :param path: of ``value``.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(key, NotText):
                yield f"{path}.{key}", key
            yield from keys_without_quotes(each, f"{path}.{key}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from keys_without_quotes(each, f"{path}.{place}")


def with_unclear(lines: list[str], unclear: Mapping[str, NotText]) -> Iterator[str]:
    """Yield the mistakes of a pipeline, including its keys that are not texts, one line per path.

    If there is no such key at all, only that is reported, because quotes would not help.
    """
    said = {line.partition(": ")[0]: line for line in lines}
    unknown = {path for path, line in said.items() if ": there is no such key" in line}
    yield from (line for line in lines if line.partition(": ")[0] not in unclear.keys() - unknown)
    yield from (f"{path}: {key.refusal}" for path, key in unclear.items() if path not in unknown)


def as_written(value: Any) -> Any:
    """Return ``value`` with each key as the text that is written in the file."""
    if isinstance(value, dict):
        return {str(key): as_written(each) for key, each in value.items()}
    return [as_written(each) for each in value] if isinstance(value, list) else value


def values_of(text: str) -> Any:
    """Return the values of a YAML text. A key of a mapping is a text or a :class:`NotText`.

    :raises ConfigurationError: it cannot be read, is too large by itself or through its aliases, or an alias contains
        itself.
    """
    if len(text) > MOST_LETTERS:
        raise ConfigurationError(f"the text has more than {MOST_LETTERS:,} letters, split it into several files")
    if _FastLoader is not None and _is_shallow(text, _FastLoader):
        # If there is a mistake, the other loader reports it, because its messages are the ones to show.
        with contextlib.suppress(yaml.YAMLError, ValueError, OverflowError, TypeError, AttributeError):
            return yaml.load(text, Loader=_FastLoader)  # noqa: S506  # nosec B506
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # nosec B506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = str(getattr(error, "problem", None) or error)
        if "undefined alias" in said or "alias" in str(getattr(error, "context", "")):
            said += " (write values that begin with '*' in quotes)"
        raise ConfigurationError(f"{place}{said}") from None
    except RecursionError:
        raise ConfigurationError("it is nested too deeply, use fewer levels") from None
    except (ValueError, OverflowError, TypeError, AttributeError) as error:
        # Such as an impossible date, for which the safe loader has no error of its own.
        raise ConfigurationError(f"a value in it cannot be read ({error}), write it in quotes") from None


def _is_shallow(text: str, loader: Any) -> bool:
    """Return whether a text has no syntax error, and so little nesting that a recursive loader can read it.

    libyaml's loader has no limit of its own: it would end the process.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    return False
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, ValueError):  # such as half of a surrogate pair
        return False
    return True


class _Stricter(_Constructor):
    """What both loaders share: a key that occurs twice is refused, because the second would silently win."""

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _count(node, {}, [])
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, dict):
                raise yaml.constructor.ConstructorError(
                    None, None, "braces inside braces are not a value: write a template in quotes", key_node.start_mark
                )
            if isinstance(key, (list, set)):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} must be a single value", key_node.start_mark
                )
            if not isinstance(key, str):
                key = _not_text(key_node, key)
            if key in mapping:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' is used twice", key_node.start_mark
                )
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


class _Loader(_Stricter, yaml.SafeLoader):
    """The loader in Python."""


_FastLoader = type("_FastLoader", (_Stricter, yaml.CSafeLoader), {}) if yaml.__with_libyaml__ else None
"""The loader by libyaml, which takes a sixth of the time."""


def _not_text(node: yaml.Node, value: Any) -> NotText:
    read_as = next((words for kind, words in _KINDS if isinstance(value, kind)), "another kind of value")
    return NotText(str(node.value), read_as.format(str(value).lower()), str(value))


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "{}"),
    (int, "the number {}"),
    (float, "the number {}"),
    (datetime, "a time"),
    (date, "a date"),
    (type(None), "nothing"),
)
"""What a value that is not a text is called; a special type comes before the general one."""


def _count(node: yaml.Node, known: dict[int, int], above: list[int]) -> int:
    """Return how many values a node stands for."""
    if id(node) in above:
        raise yaml.composer.ComposerError(
            None, None, "an alias refers to a value that contains the alias itself", node.start_mark
        )
    if id(node) not in known:
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            inner = node.value
        elif isinstance(node, yaml.MappingNode):
            inner = [each for pair in node.value for each in pair]
        above.append(id(node))
        known[id(node)] = 1 + sum(_count(each, known, above) for each in inner)
        above.pop()
        if known[id(node)] > MOST_NODES:
            raise yaml.composer.ComposerError(
                None, None, f"it expands to more than {MOST_NODES:,} values, use fewer aliases", node.start_mark
            )
    return known[id(node)]
