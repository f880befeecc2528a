"""From YAML text to plain values: by the safe loader, stricter, and bounded whatever the text is."""

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
"""Of a text."""

DEEPEST = 100
"""Collections inside of one another that the fast loader gets."""

MOST_NODES = 200_000
"""Values that a text stands for, each alias counted as all it stands for."""


@dataclass(frozen=True, slots=True)
class NotText:
    """A key that YAML does not read as a text, such as ``010``, ``on``, ``no`` or ``12:30`` without quotes.

    It stays apart from every text: ``1`` and ``"1"`` would be one name, and the second entry would replace the first.

    :ivar written: the key as it stands in the file. :ivar read_as: what YAML reads, in words.
    :ivar converted: what it becomes where it is made a text, as version 0.1 did with names of pipelines.
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

    :param path: where ``value`` stands.
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
    """Yield what is wrong with a pipeline, and with its keys that are no texts, one line for each place.

    Where there is no such key at all, quotes would not help.
    """
    said = {line.partition(": ")[0]: line for line in lines}
    unknown = {path for path, line in said.items() if ": there is no such key" in line}
    yield from (line for line in lines if line.partition(": ")[0] not in unclear.keys() - unknown)
    yield from (f"{path}: {key.refusal}" for path, key in unclear.items() if path not in unknown)


def as_written(value: Any) -> Any:
    """Return ``value`` with each key as the text that stands in the file."""
    if isinstance(value, dict):
        return {str(key): as_written(each) for key, each in value.items()}
    return [as_written(each) for each in value] if isinstance(value, list) else value


def values_of(text: str) -> Any:
    """Return what a YAML text holds. A key of a mapping is a text or a :class:`NotText`.

    :raises ConfigurationError: it cannot be read, is too large, or its aliases make it so or lead round.
    """
    if len(text) > MOST_LETTERS:
        raise ConfigurationError(f"the text has more than {MOST_LETTERS:,} letters, split it into several files")
    if _FastLoader is not None and _is_shallow(text, _FastLoader):
        # What is wrong is left to the other loader, whose words are the ones to show.
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
        # Such as a date that is none, for which the safe loader has no error of its own.
        raise ConfigurationError(f"a value in it cannot be read ({error}), write it in quotes") from None


def _is_shallow(text: str, loader: Any) -> bool:
    """Return whether a text is read without a mistake, and nested so little that a loader may call itself for it.

    libyaml's has no end to that but the end of the process.
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
    """What both loaders share: a key that stands twice is refused, as the second would silently win."""

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
    """In Python."""


_FastLoader = type("_FastLoader", (_Stricter, yaml.CSafeLoader), {}) if yaml.__with_libyaml__ else None
"""By libyaml, in a sixth of the time."""


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
"""How a value that is no text is named, the special kind before the general one."""


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
