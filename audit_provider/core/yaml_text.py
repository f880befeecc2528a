"""From YAML text to plain values: by the safe loader, stricter, and bounded whatever the text is."""

from __future__ import annotations

from typing import Any

import yaml

from audit_provider.core.errors import ConfigurationError

MOST_LETTERS = 1_000_000
"""Of a text."""

MOST_NODES = 200_000
"""Values that a text stands for, each alias counted as all it stands for."""


def values_of(text: str) -> Any:
    """Return what a YAML text holds.

    :raises ConfigurationError: it cannot be read, is too large, or its aliases make it so or lead round.
    """
    if len(text) > MOST_LETTERS:
        raise ConfigurationError(f"the text has more than {MOST_LETTERS:,} letters, split it into several files")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # nosec B506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = str(getattr(error, "problem", None) or error)
        if "undefined alias" in said or "alias" in str(getattr(error, "context", "")):
            said += " (write what begins with '*' in quotes)"
        raise ConfigurationError(f"{place}{said}") from None
    except RecursionError:
        raise ConfigurationError("it is nested too deeply, write it flatter") from None
    except (ValueError, OverflowError, TypeError, AttributeError) as error:
        # Such as a date that is none, for which the safe loader has no error of its own.
        raise ConfigurationError(f"a value of it cannot be read ({error}), write it in quotes") from None


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that stands twice: the second would silently win."""

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _count(node, {}, [])
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        met: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, dict):
                raise yaml.constructor.ConstructorError(
                    None, None, "braces inside of braces are no value: write a template in quotes", key_node.start_mark
                )
            if isinstance(key, (list, set)) or key in met:
                wrong = "is no single value" if isinstance(key, (list, set)) else "stands twice"
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} {wrong}", key_node.start_mark)
            met.add(key)
        return super().construct_mapping(node, deep)


def _count(node: yaml.Node, known: dict[int, int], above: list[int]) -> int:
    """Return how many values a node stands for."""
    if id(node) in above:
        raise yaml.composer.ComposerError(None, None, "an alias stands inside of what it stands for", node.start_mark)
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
                None, None, f"it stands for more than {MOST_NODES:,} values, use fewer aliases", node.start_mark
            )
    return known[id(node)]
